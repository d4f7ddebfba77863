#include "tierd/ledger/expected_regret.h"

#include <algorithm>
#include <vector>

#include "core/score.h"

namespace tier {

StallSeconds expected_regret(const RegionSnapshot& snapshot, const ForecastSet& forecasts,
                             const SystemState& system, const TierTopology& topology) {
  if (!topology.tiered() || forecasts.forecasts.size() != snapshot.regions.size()) return {};
  const NodeRanks ranks(topology);
  Bytes capacity;
  double nearest = 0, farthest = 0;  // latency, seconds
  for (const NodeState& node : system.nodes) {
    if (ranks.of(node.node) > 0) farthest = std::max(farthest, seconds(node.loaded_latency));
    if (ranks.of(node.node) != 0) continue;
    capacity += node.free;
    nearest = std::max(nearest, seconds(node.loaded_latency));
  }
  std::vector<PlacedDemand> regions;
  double fast = 0, slow = 0, slow_stall = 0;
  for (std::size_t i = 0; i < snapshot.regions.size(); ++i) {
    const Region& region = snapshot.regions[i];
    const int rank = ranks.of(region.node);
    if (rank == 0) capacity += region.resident;
    const double demand = forecasts.forecasts[i].horizons[1].mean;
    if (!(demand > 0)) continue;
    // Where its place is not known yet the worst is taken to be so, as its demand was worked out.
    const bool unknown = region.node.value < 0;
    if (rank < 0 && !unknown) continue;
    regions.push_back({demand, unknown ? region.range.size() : region.resident});
    if (rank == 0) {
      fast += demand;
      continue;
    }
    const NodeState* node = system.find(region.node);
    slow += demand;
    slow_stall += demand * (unknown ? farthest : node != nullptr ? seconds(node->loaded_latency) : 0);
  }
  if (slow <= 0) return {};
  const double gained = std::max(0.0, slow_stall / slow - nearest);
  return {gained * std::max(0.0, best_demand(regions, capacity) - fast)};
}

}  // namespace tier
