// topologies: the order of tiers on machines with several kinds of memory, from their sysfs trees by the
// daemon's own reader and rules, with and without what the probe finds, and whether it is right.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iostream>

#include "platform/fake/topologies.h"
#include "platform/linux/topology_reader.h"
#include "tierd/daemon/latency_tracker.h"

namespace {

using namespace tier;

struct Case {
  std::string facts;  // where they come from
  bool probe = false;
  LatencySettings settings;
};

std::vector<std::vector<int>> numbers(const TierTopology& topology) {
  std::vector<std::vector<int>> tiers;
  for (const Tier& tier : topology.tiers) {
    std::vector<int>& nodes = tiers.emplace_back();
    for (const NodeId node : tier.nodes) nodes.push_back(node.value);
    std::sort(nodes.begin(), nodes.end());
  }
  return tiers;
}

std::string shown(const std::vector<std::vector<int>>& tiers) {
  std::string text;
  for (const auto& nodes : tiers)
    text += fmt::format("{}{}", text.empty() ? "" : " > ", fmt::join(nodes, ","));
  return text;
}

std::vector<Case> cases_of(const Topology& topology) {
  LatencySettings order, bandwidths;
  for (const auto& nodes : topology.tiers) {
    auto& tier = order.tiers.order.emplace_back();
    for (const int node : nodes) tier.push_back({node});
  }
  for (const auto& [node, truth] : topology.truth)
    bandwidths.bandwidths[node] = Bytes{static_cast<std::uint64_t>(truth.gigabytes_per_second * 1e9)};
  return {{"firmware", false, {}},
          {"probe", true, {}},
          {"tiers.order", false, order},
          {"tiers.bandwidths", false, bandwidths}};
}

// What must come out: the right order; where neither firmware nor probe tells it, one tier and the settings
// that decide.
bool holds(const Topology& topology, const Case& each, const TierTopology& found) {
  std::vector<int> closed;
  for (const NodeId node : found.closed) closed.push_back(node.value);
  const bool by_order = !each.settings.tiers.order.empty();
  if (!by_order && closed != topology.closed) return false;
  const bool blind = topology.needs_probe && each.facts == "firmware";
  if (!blind) return numbers(found) == topology.tiers;
  return !found.tiered() &&
         std::any_of(found.doubts.begin(), found.doubts.end(),
                     [](const std::string& doubt) { return doubt.find("tiers.order") != std::string::npos; });
}

bool run(const Topology& topology, const Case& each) {
  const TemporaryTree tree(topology.tree);
  const auto nodes = LinuxTopologyReader(tree.root()).nodes();
  if (!nodes) {
    std::cout << fmt::format("{:<26} {:<17} {}\n", topology.name, each.facts, nodes.error().text());
    return false;
  }
  TruthfulProbe probe(topology, *nodes);
  for (const NumaNode& node : *nodes) probe.refused[node.id.value] = !each.probe;
  LatencyTracker tracker(probe, each.settings);
  const auto found = tracker.calibrate(*nodes);
  const bool right = found && holds(topology, each, *found);
  std::cout << fmt::format("{:<26} {:<17} {:<6} {}\n", topology.name, each.facts, right ? "right" : "WRONG",
                           found ? shown(numbers(*found)) : found.error().text());
  if (found && found->undecided > 0)
    std::cout << fmt::format("{:<51} not decided: {}\n", "", found->doubts.front());
  return right;
}

}  // namespace

int main() {
  std::cout << fmt::format("{:<26} {:<17} {:<6} {}\n", "MACHINE", "FACTS FROM", "ORDER",
                           "TIERS, FASTEST FIRST");
  int right = 0, all = 0;
  for (const Topology& topology : known_topologies()) {
    for (const Case& each : cases_of(topology)) {
      ++all;
      right += run(topology, each) ? 1 : 0;
    }
  }
  std::cout << fmt::format(
      "{{\"name\": \"topologies\", \"value\": {}, \"unit\": \"of {} orders right\", \"target\": \"all\", "
      "\"holds\": {}}}\n",
      right, all, right == all ? "true" : "false");
  return right == all ? 0 : 1;
}
