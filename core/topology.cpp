#include "core/topology.h"

#include <algorithm>

namespace tier {
namespace {

// SLIT says 10 for local; scale so that a node known only by distance can still be ordered among its like.
constexpr Nanoseconds kLocalGuess{100};
constexpr int kLocalDistance = 10;

int nearest_cpu_distance(const NumaNode& node, const std::vector<NumaNode>& all) {
  int best = 255;
  for (std::size_t i = 0; i < all.size() && i < node.distances.size(); ++i) {
    if (all[i].has_cpus) best = std::min(best, node.distances[i]);
  }
  return best == 255 ? kLocalDistance : best;
}

void fill_missing_latency(std::vector<NumaNode>& nodes) {
  // One node without a measured latency makes the others incomparable with it: rank them all by distance
  // then.
  const bool all_known =
      std::all_of(nodes.begin(), nodes.end(), [](const NumaNode& n) { return n.read_latency.has_value(); });
  if (all_known) return;
  const auto snapshot = nodes;
  for (auto& node : nodes) {
    node.read_latency = kLocalGuess * nearest_cpu_distance(node, snapshot) / kLocalDistance;
    node.latency_source = FactSource::kDistance;
  }
}

}  // namespace

const NumaNode* TierTopology::find(NodeId id) const {
  const auto it = std::find_if(nodes.begin(), nodes.end(), [&](const NumaNode& n) { return n.id == id; });
  return it == nodes.end() ? nullptr : &*it;
}

std::optional<int> TierTopology::tier_of(NodeId id) const {
  for (const auto& tier : tiers) {
    if (std::find(tier.nodes.begin(), tier.nodes.end(), id) != tier.nodes.end()) return tier.rank;
  }
  return std::nullopt;
}

const NodeState* SystemState::find(NodeId id) const {
  const auto it = std::find_if(nodes.begin(), nodes.end(), [&](const NodeState& n) { return n.node == id; });
  return it == nodes.end() ? nullptr : &*it;
}

Result<TierTopology> build_tiers(std::vector<NumaNode> nodes, double same_tier) {
  fill_missing_latency(nodes);  // before filtering: SLIT rows are indexed by position in the full list
  std::vector<NumaNode> usable;
  std::copy_if(nodes.begin(), nodes.end(), std::back_inserter(usable),
               [](const NumaNode& n) { return n.online && n.total.value > 0; });
  if (usable.empty()) {
    return fail(ErrorKind::kUnsupported, "no online NUMA node has memory",
                "check /sys/devices/system/node and the kernel's NUMA support");
  }
  std::stable_sort(usable.begin(), usable.end(),
                   [](const NumaNode& a, const NumaNode& b) { return *a.read_latency < *b.read_latency; });

  TierTopology topology;
  for (const auto& node : usable) {
    const bool opens =
        topology.tiers.empty() ||
        seconds(*node.read_latency) > seconds(topology.tiers.back().unloaded_latency) * same_tier;
    if (opens) topology.tiers.push_back({static_cast<int>(topology.tiers.size()), {}, *node.read_latency});
    topology.tiers.back().nodes.push_back(node.id);
  }
  std::sort(usable.begin(), usable.end(), [](const NumaNode& a, const NumaNode& b) { return a.id < b.id; });
  topology.nodes = std::move(usable);
  return topology;
}

}  // namespace tier
