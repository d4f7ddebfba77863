// The configuration, as each room wants it. Rooms do not know the configuration; this is the only place that
// knows both.
#pragma once

#include "migrator/migrator.h"
#include "platform/linux/sampling/sampling_settings.h"
#include "tierd/config/config.h"
#include "tierd/daemon/engine.h"

namespace tier {

EngineSettings engine_settings(const Config& config);
MigratorSettings migrator_settings(const Config& config, Bytes page_size);
SamplingSettings sampling_settings(const Config& config);

}  // namespace tier
