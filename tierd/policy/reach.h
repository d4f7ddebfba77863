// From which CPUs memory is how far: what a node's latency is multiplied by for a program. Pure.
#pragma once

#include <map>
#include <span>
#include <utility>

#include "core/target.h"
#include "core/topology.h"

namespace tier {

class ReachTable {
 public:
  explicit ReachTable(const TierTopology& topology);

  // All CPUs reach each node alike, as on one socket.
  bool uniform() const { return uniform_; }
  // Mean over the CPUs that a program runs on of latency from there over latency from the nearest CPUs; 1 or
  // more. CPUs of which no path is known do not count; 1 where none is.
  double reach(std::span<const NodeShare> runs_on, NodeId memory) const;

 private:
  std::map<std::pair<NodeId, NodeId>, double> ratios_;  // CPUs, memory
  bool uniform_ = true;
};

}  // namespace tier
