#include "core/node_context.h"

#include <algorithm>
#include <span>

namespace tier {
namespace {

int distance_of(const TierTopology& topology, std::size_t node) {
  int nearest = 0;
  for (const NumaNode& other : topology.nodes) {
    const auto& row = other.distances;
    if (!other.has_cpus || node >= row.size()) continue;
    if (nearest == 0 || row[node] < nearest) nearest = row[node];
  }
  return nearest;
}

TierContext tier_context(const TierTopology& topology, const SystemState& system, const Tier& tier) {
  TierContext out;
  out.rank = tier.rank;
  std::int64_t latency = 0, known = 0;
  std::uint64_t bandwidth = 0;
  bool all_bandwidths = true;
  for (std::size_t i = 0; i < topology.nodes.size(); ++i) {
    const NumaNode& node = topology.nodes[i];
    if (std::find(tier.nodes.begin(), tier.nodes.end(), node.id) == tier.nodes.end()) continue;
    const NodeState* const now = system.find(node.id);
    out.total += now != nullptr ? now->total : node.total;
    out.free += now != nullptr ? now->free : node.free;
    const Nanoseconds loaded = now != nullptr ? now->loaded_latency : tier.unloaded_latency;
    if (loaded.count() > 0) latency += loaded.count(), ++known;
    // One node counted is enough: where the CPUs of a socket form several nodes its controllers are not told
    // apart, and all of their traffic is counted as one node's.
    if (now != nullptr && now->used_bandwidth)
      out.used_bandwidth = out.used_bandwidth.value_or(0) + *now->used_bandwidth;
    if (node.read_bandwidth) bandwidth += node.read_bandwidth->value;
    all_bandwidths &= node.read_bandwidth.has_value();
    const int distance = distance_of(topology, i);
    if (out.distance == 0 || distance < out.distance) out.distance = distance;
  }
  if (known > 0) out.loaded_latency = Nanoseconds{latency / known};
  if (all_bandwidths && bandwidth > 0) out.bandwidth = Bytes{bandwidth};
  return out;
}

// None unless all of them are counted, or a part would pass for the whole.
std::optional<double> used_bandwidth(std::span<const TierContext> tiers) {
  if (tiers.empty()) return {};
  double sum = 0;
  for (const TierContext& tier : tiers) {
    if (!tier.used_bandwidth) return {};
    sum += *tier.used_bandwidth;
  }
  return sum;
}

}  // namespace

const char* to_string(NodeMetric metric) {
  static constexpr std::array<const char*, kNodeMetrics> kNames = {"memory-pressure-some",
                                                                   "memory-pressure-full",
                                                                   "cpu-pressure-some",
                                                                   "power",
                                                                   "temperature",
                                                                   "fast-bandwidth-used",
                                                                   "slow-bandwidth-used",
                                                                   "migrated",
                                                                   "refaults",
                                                                   "fast-free",
                                                                   "prefetch",
                                                                   "sampled"};
  return kNames[static_cast<std::size_t>(metric)];
}

NodeContext context_of(const TierTopology& topology, const SystemState& system) {
  NodeContext context;
  for (const Tier& tier : topology.tiers) context.tiers.push_back(tier_context(topology, system, tier));
  if (!context.tiers.empty() && context.tiers[0].total.value > 0)
    context[NodeMetric::kFastFree] =
        static_cast<double>(context.tiers[0].free.value) / static_cast<double>(context.tiers[0].total.value);
  const std::span<const TierContext> tiers(context.tiers);
  const std::size_t fastest = std::min<std::size_t>(tiers.size(), 1);
  context[NodeMetric::kFastBandwidthUsed] = used_bandwidth(tiers.first(fastest));
  context[NodeMetric::kSlowBandwidthUsed] = used_bandwidth(tiers.subspan(fastest));
  return context;
}

}  // namespace tier
