#include "core/topology.h"

#include <algorithm>
#include <numeric>

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

// What a node is ranked by. The kernel's own measure where bandwidth is known of all: latency over bandwidth,
// up to a constant (mm/memory-tiers.c, mt_perf_to_adistance). By latency alone HBM, which answers a single
// load later than the DDR beside it, would be the slow tier of its machine.
std::vector<double> abstract_distances(const std::vector<NumaNode>& nodes) {
  const bool bandwidth = std::all_of(nodes.begin(), nodes.end(), [](const NumaNode& n) {
    return n.read_bandwidth && n.read_bandwidth->value > 0 && n.latency_source != FactSource::kConfig;
  });
  std::vector<double> distances;
  for (const NumaNode& node : nodes)
    distances.push_back(seconds(*node.read_latency) /
                        (bandwidth ? static_cast<double>(node.read_bandwidth->value) : 1));
  return distances;
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

NodeRanks::NodeRanks(const TierTopology& topology) {
  for (const auto& tier : topology.tiers) {
    for (const NodeId id : tier.nodes) {
      const auto i = static_cast<std::size_t>(id.value);
      if (i >= ranks_.size()) ranks_.resize(i + 1, -1);
      ranks_[i] = tier.rank;
    }
  }
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
  const std::vector<double> distances = abstract_distances(usable);
  std::vector<std::size_t> order(usable.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return distances[a] < distances[b]; });

  TierTopology topology;
  double opened = 0;  // distance of the tier's first node
  for (const std::size_t i : order) {
    if (topology.tiers.empty() || distances[i] > opened * same_tier) {
      topology.tiers.push_back({static_cast<int>(topology.tiers.size()), {}, *usable[i].read_latency});
      opened = distances[i];
    }
    topology.tiers.back().nodes.push_back(usable[i].id);
  }
  std::sort(usable.begin(), usable.end(), [](const NumaNode& a, const NumaNode& b) { return a.id < b.id; });
  topology.nodes = std::move(usable);
  return topology;
}

}  // namespace tier
