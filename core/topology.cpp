#include "core/topology.h"

#include <algorithm>

#include "core/memory_paths.h"
#include "core/tier_order.h"

namespace tier {
namespace {

bool names(const std::vector<std::vector<NodeId>>& order, NodeId id) {
  return std::any_of(order.begin(), order.end(), [&](const std::vector<NodeId>& group) {
    return std::find(group.begin(), group.end(), id) != group.end();
  });
}

std::string node_name(const NumaNode& node) { return "node " + std::to_string(node.id.value); }

// Tiers as the administrator names them; tiers of nodes that do not exist are left out.
void rank_by_order(TierTopology& topology, const std::vector<NumaNode>& nodes,
                   const std::vector<std::vector<NodeId>>& order) {
  for (const auto& group : order) {
    Tier tier{static_cast<int>(topology.tiers.size()), {}, {}};
    for (const NodeId id : group) {
      const auto it = std::find_if(nodes.begin(), nodes.end(), [&](const NumaNode& n) { return n.id == id; });
      if (it == nodes.end() || !has_usable_memory(*it)) {
        topology.doubts.push_back("tiers.order names node " + std::to_string(id.value) +
                                  ", which has no memory that is online");
        continue;
      }
      if (tier.nodes.empty() || *it->read_latency < tier.unloaded_latency)
        tier.unloaded_latency = *it->read_latency;
      tier.nodes.push_back(id);
    }
    if (!tier.nodes.empty()) topology.tiers.push_back(std::move(tier));
  }
  for (const NumaNode& node : nodes) {
    if (has_usable_memory(node) && !names(order, node.id))
      topology.doubts.push_back(
          node_name(node) +
          " is in no tier, since tiers.order does not name it: nothing moves to or from it");
  }
}

void rank_by_facts(TierTopology& topology, const std::vector<NumaNode>& nodes, double same_tier) {
  const std::vector<TierMerit> merits = tier_merits(nodes, same_tier);
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (has_usable_memory(nodes[i])) order.push_back(i);
    if (merits[i].doubt.empty()) continue;
    topology.doubts.push_back(merits[i].doubt);
    ++topology.undecided;
  }
  // Of equals the one whose place is sure opens the tier and gives it its latency.
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    if (merits[a].distance != merits[b].distance) return merits[a].distance < merits[b].distance;
    return merits[a].doubt.empty() && !merits[b].doubt.empty();
  });
  double opened = 0;  // distance of the tier's first node
  for (const std::size_t i : order) {
    if (topology.tiers.empty() || merits[i].distance > opened * same_tier) {
      topology.tiers.push_back({static_cast<int>(topology.tiers.size()), {}, *nodes[i].read_latency});
      opened = merits[i].distance;
    }
    topology.tiers.back().nodes.push_back(nodes[i].id);
  }
}

void close_devices(TierTopology& topology, const std::vector<NumaNode>& nodes,
                   const std::vector<std::vector<NodeId>>& order) {
  for (const NumaNode& node : nodes) {
    if (!node.of_device || !has_usable_memory(node) || names(order, node.id)) continue;
    topology.closed.push_back(node.id);
    if (order.empty())
      topology.doubts.push_back(
          node_name(node) + " is a device's memory: nothing moves to or from it unless tiers.order names it");
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

Result<TierTopology> build_tiers(std::vector<NumaNode> nodes, const TierRules& rules,
                                 const std::vector<MemoryPath>& measured) {
  if (std::none_of(nodes.begin(), nodes.end(), has_usable_memory)) {
    return fail(ErrorKind::kUnsupported, "no online NUMA node has memory",
                "check /sys/devices/system/node and the kernel's NUMA support");
  }
  fill_missing_facts(nodes);  // before filtering: SLIT rows are indexed by position in the full list
  TierTopology topology;
  if (rules.order.empty()) {
    rank_by_facts(topology, nodes, rules.same_tier);
  } else {
    rank_by_order(topology, nodes, rules.order);
  }
  close_devices(topology, nodes, rules.order);
  topology.paths = memory_paths(nodes, measured);
  for (const NumaNode& node : nodes) {
    if (has_usable_memory(node)) continue;
    for (const std::string& doubt : node.doubts) topology.doubts.push_back(node_name(node) + ": " + doubt);
  }
  std::erase_if(nodes, [](const NumaNode& node) { return !has_usable_memory(node); });
  std::sort(nodes.begin(), nodes.end(), [](const NumaNode& a, const NumaNode& b) { return a.id < b.id; });
  topology.nodes = std::move(nodes);
  if (topology.tiers.empty()) {
    return fail(ErrorKind::kUnsupported, "tiers.order names no node that has memory",
                "name the nodes that `tierctl nodes` lists");
  }
  return topology;
}

}  // namespace tier
