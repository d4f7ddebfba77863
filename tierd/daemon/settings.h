// The configuration, as each room wants it. Rooms do not know the configuration; this is the only place that
// knows both.
#pragma once

#include <vector>

#include "core/topology.h"
#include "migrator/migrator.h"
#include "platform/linux/sampling/sampling_settings.h"
#include "tierd/config/config.h"
#include "tierd/daemon/engine.h"

namespace tier {

EngineSettings engine_settings(const Config& config);
MigratorSettings migrator_settings(const Config& config, Bytes page_size);
// `nodes`, as firmware tells them: the calibration loop takes its memory from the slowest of them.
SamplingSettings sampling_settings(const Config& config, std::vector<NumaNode> nodes);

}  // namespace tier
