// Machines with several kinds of memory, as sysfs shows them, with what their memory really does and with the
// order of tiers that is right. For tests and for `tools/bench topologies`.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "platform/api/machine.h"
#include "platform/fake/tree.h"

namespace tier {

// What the probe finds there. Latency and bandwidth of each node from its nearest CPUs; farther CPUs by SLIT.
struct MemoryTruth {
  int latency_ns = 0;
  double gigabytes_per_second = 0;
};

struct Topology {
  std::string name;  // "xeon-max-snc4", …
  TreeDirectory tree;
  std::map<int, MemoryTruth> truth;     // by node
  std::vector<std::vector<int>> tiers;  // the right order, fastest first
  std::vector<int> closed;              // nodes that nothing may be moved to or from
  // Without the probe firmware does not tell the order: all memory of these nodes must then share one tier.
  bool needs_probe = false;
};

std::vector<Topology> known_topologies();

// Answers by `truth`, as a probe on that machine would.
class TruthfulProbe final : public LatencyProbe {
 public:
  TruthfulProbe(const Topology& topology, std::vector<NumaNode> nodes)
      : truth_(topology.truth), nodes_(std::move(nodes)) {}
  Result<Nanoseconds> measure(NodeId node) override;
  Result<Nanoseconds> measure_from(std::span<const int> cpus, NodeId node) override;
  Result<Bytes> bandwidth(std::span<const int> cpus, NodeId node) override;
  Nanoseconds cost() const override { return {}; }

  std::map<int, double> load;   // by node: times its latency; absent: 1
  std::map<int, bool> refused;  // nodes that are full

 private:
  Result<MemoryTruth> truth_of(NodeId node) const;

  std::map<int, MemoryTruth> truth_;
  std::vector<NumaNode> nodes_;
};

}  // namespace tier
