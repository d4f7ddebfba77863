// Builds the views of the control protocol from what the engine knows. No arithmetic of its own beyond sums
// and shares.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "platform/api/features.h"
#include "tierd/control/backend.h"
#include "tierd/daemon/engine.h"

namespace tier {

SightView sight_view(const Sight& sight);
ReadingView reading_view(const Engine& engine);
StatusView status_view(const Engine& engine, const std::string& version, Bytes rate_limit);
std::vector<MeterStateView> meter_views(const std::vector<MeterDecision>& meters);
NodesView nodes_view(const Engine& engine);
TopView top_view(const Engine& engine, const TopQuery& query);
HeatmapView heatmap_view(const Engine& engine, const HeatmapQuery& query);
ForecastView forecast_view(const Engine& engine);
// Rows that the caller may not see are counted, not built.
SnapshotView snapshot_view(const Engine& engine, const Caller& caller, const SnapshotQuery& query);
// kFailed when the process is not watched or the address not mapped.
Result<ExplainView> explain_view(const Engine& engine, const ExplainQuery& query);

}  // namespace tier
