// Nodes and the tiers they form, each fact with where it was learnt.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/units.h"

namespace tier {

enum class FactSource { kUnknown, kFirmware, kDistance, kProbe, kConfig };
const char* to_string(FactSource);

struct NumaNode {
  NodeId id;
  bool online = true;
  bool has_cpus = false;
  Bytes total;
  Bytes free;                               // at the time of reading
  std::vector<int> distances;               // SLIT row; index = position in NodeSet::nodes
  std::optional<Nanoseconds> read_latency;  // unloaded, from firmware (HMAT) or the probe
  std::optional<Bytes> read_bandwidth;      // per second
  FactSource latency_source = FactSource::kUnknown;
  FactSource bandwidth_source = FactSource::kUnknown;
  std::vector<int> cpus;  // online ones, as the kernel numbers them
  std::vector<std::string>
      doubts{};  // facts that firmware or the kernel tells and that were not believed, and why
};

// How the CPUs of one node reach the memory of another, without load.
struct MemoryPath {
  NodeId cpus, memory;
  Nanoseconds latency{};
  std::optional<Bytes> bandwidth;  // per second
  FactSource source = FactSource::kUnknown;
};

struct Tier {
  int rank = 0;  // 0 is the fastest
  std::vector<NodeId> nodes;
  Nanoseconds unloaded_latency{};
};

// Tiers ordered fast to slow; every online node with memory is in exactly one.
struct TierTopology {
  std::vector<NumaNode> nodes;
  std::vector<Tier> tiers;
  std::vector<MemoryPath> paths;  // of CPU nodes to memory nodes, as far as they are known

  bool tiered() const { return tiers.size() > 1; }
  const NumaNode* find(NodeId) const;        // null when unknown
  std::optional<int> tier_of(NodeId) const;  // rank
};

// Latency over bandwidth ranks, as the kernel's abstract distance does, where bandwidth is known of all nodes
// and no latency is the administrator's word; else latency alone. SLIT calls HBM farther on Xeon Max, and
// kernels put HBM and DDR into one memory tier without HMAT, so neither is believed. Nodes within `same_tier`
// of the fastest of a group (ratio, default 1.15) share a tier. Nodes without any latency fact rank by SLIT
// distance from the nearest CPU node, marked kDistance. Fails when no node has memory.
Result<TierTopology> build_tiers(std::vector<NumaNode> nodes, double same_tier = 1.15);

// TierTopology::tier_of for many regions: one look into a list by node number.
class NodeRanks {
 public:
  explicit NodeRanks(const TierTopology& topology);
  // -1: in no tier.
  int of(NodeId id) const {
    const auto i = static_cast<std::size_t>(id.value);  // -1, not known, is beyond every list
    return i < ranks_.size() ? ranks_[i] : -1;
  }

 private:
  std::vector<int> ranks_;
};

// Loaded latency of each node now, and free bytes. One per tick.
struct NodeState {
  NodeId node;
  Nanoseconds loaded_latency{};
  Bytes free;
  Bytes total;
  bool online = true;
  // Bytes per second read from and written to its memory, as its memory controllers count them; none where
  // nothing counts them. Where the CPUs of a socket form several nodes, the first one has the traffic of all.
  // Loaded latency is what prices traffic; this is what it is estimated from where the probe cannot reach the
  // node (tierd/daemon/latency_tracker.h).
  std::optional<double> used_bandwidth = {};
};

struct SystemState {
  std::vector<NodeState> nodes;
  double memory_pressure_some = 0;  // PSI memory some avg10, percent; 0 when not readable
  double cpu_pressure_some = 100;   // PSI cpu some avg10, percent; 100, the careful end, when not readable
  const NodeState* find(NodeId) const;
};

}  // namespace tier
