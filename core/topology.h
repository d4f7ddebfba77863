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
  std::vector<NodeId> initiators{};         // nodes whose CPUs firmware's figures hold for; empty: not told
  std::optional<Nanoseconds> fact_latency;  // by firmware or probe, where read_latency is the administrator's
  bool of_device = false;                   // memory of a GPU or another device that reads memory by itself
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

// Tiers ordered fast to slow. Every online node with memory is in exactly one, unless TierRules::order leaves
// it out.
struct TierTopology {
  std::vector<NumaNode> nodes;
  std::vector<Tier> tiers;
  std::vector<MemoryPath> paths;  // of CPU nodes to memory nodes, as far as they are known
  std::vector<NodeId> closed{};   // nothing is moved to or from them: a device's memory that no order names
  std::vector<std::string> doubts{};  // about the order and about nodes in no tier, each with what decides it
  int undecided = 0;                  // nodes of which nothing tells whether they are faster: see build_tiers

  bool tiered() const { return tiers.size() > 1; }
  const NumaNode* find(NodeId) const;        // null when unknown
  std::optional<int> tier_of(NodeId) const;  // rank
};

struct TierRules {
  double same_tier = 1.15;  // nodes within this ratio of the fastest of a group share a tier
  // The administrator's order, fastest first; nodes that it leaves out are in no tier. Empty: by facts.
  std::vector<std::vector<NodeId>> order{};
};

// Latency over bandwidth ranks, as the kernel's abstract distance does; latency alone where the bandwidth of
// a node with CPUs is not known. SLIT calls HBM farther on Xeon Max, and kernels put HBM and DDR into one
// memory tier without HMAT, so neither is believed. What one node lacks is taken from nodes of its kind, and
// by distance as the last resort, for that node alone. A node without CPUs whose bandwidth is not known and
// whose latency is like that of memory with CPUs may be HBM or slow: it shares the tier of that memory, so
// that nothing is moved on a guess, and a doubt names the setting that decides. `measured` holds what the
// probe measured, by CPU node. Fails when no node has memory.
Result<TierTopology> build_tiers(std::vector<NumaNode> nodes, const TierRules& rules = {},
                                 const std::vector<MemoryPath>& measured = {});

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
