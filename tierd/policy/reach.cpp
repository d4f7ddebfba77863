#include "tierd/policy/reach.h"

#include <algorithm>

namespace tier {

ReachTable::ReachTable(const TierTopology& topology) {
  std::map<NodeId, double> nearest;
  for (const MemoryPath& path : topology.paths) {
    const double latency = seconds(path.latency);
    if (latency <= 0) continue;
    const auto [it, first] = nearest.try_emplace(path.memory, latency);
    if (!first) it->second = std::min(it->second, latency);
  }
  for (const MemoryPath& path : topology.paths) {
    if (path.latency.count() <= 0) continue;
    const double ratio = seconds(path.latency) / nearest.at(path.memory);
    ratios_[{path.cpus, path.memory}] = ratio;
    uniform_ = uniform_ && ratio == 1;
  }
}

double ReachTable::reach(std::span<const NodeShare> runs_on, NodeId memory) const {
  double sum = 0, shares = 0;
  for (const NodeShare& each : runs_on) {
    const auto it = ratios_.find({each.node, memory});
    if (it == ratios_.end()) continue;
    sum += each.share * it->second;
    shares += each.share;
  }
  return shares > 0 ? sum / shares : 1;
}

}  // namespace tier
