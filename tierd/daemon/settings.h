// The configuration, as each room wants it. Rooms do not know the configuration; this is the only place that
// knows both.
#pragma once

#include <optional>
#include <vector>

#include "core/topology.h"
#include "migrator/migrator.h"
#include "platform/linux/sampling/sampling_settings.h"
#include "tierd/config/config.h"
#include "tierd/daemon/engine.h"

namespace tier {

EngineSettings engine_settings(const Config& config);
MigratorSettings migrator_settings(const Config& config, Bytes page_size);
// The node of the slowest tier with most free memory, for what tierd itself needs much of; none where nothing
// is known to be slower. `nodes`, as firmware tells them.
std::optional<NodeId> spare_node(const Config& config, std::vector<NumaNode> nodes);
SamplingSettings sampling_settings(const Config& config, std::vector<NumaNode> nodes);

}  // namespace tier
