// Where targets run: the share of their CPU time by node, from the CPUs that took their samples.
#pragma once

#include <map>
#include <vector>

#include "core/access_sample.h"
#include "core/target.h"
#include "core/topology.h"

namespace tier {

// Not thread-safe.
class RunsOn {
 public:
  void fold(const SampleBatch& batch);
  // Once a tick, with all nodes, those without memory too.
  void close_tick(const std::vector<NumaNode>& nodes);
  // Sets Target::runs_on; leaves it empty where one node has all CPUs, or too few samples came of late.
  void tell(std::vector<Target>& targets) const;

 private:
  std::map<TargetId, std::map<int, std::uint32_t>> by_cpu_;  // samples in the running tick
  std::map<TargetId, std::map<NodeId, double>> by_node_;     // samples, older ticks counting less
  bool several_ = false;                                     // nodes with CPUs
};

}  // namespace tier
