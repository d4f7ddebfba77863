// The order of tiers on real machines' trees, by the real reader, with and without what the probe finds.
#include "platform/fake/topologies.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/linux/topology_reader.h"
#include "tierd/daemon/latency_tracker.h"

namespace tier {
namespace {

std::vector<std::vector<int>> numbers(const TierTopology& topology) {
  std::vector<std::vector<int>> tiers;
  for (const Tier& tier : topology.tiers) {
    std::vector<int>& nodes = tiers.emplace_back();
    for (const NodeId node : tier.nodes) nodes.push_back(node.value);
    std::sort(nodes.begin(), nodes.end());
  }
  return tiers;
}

class Topologies : public ::testing::TestWithParam<Topology> {
 protected:
  Topologies()
      : tree_(GetParam().tree),
        nodes_(LinuxTopologyReader(tree_.root()).nodes().value()),
        probe_(GetParam(), nodes_) {}
  TierTopology found(const LatencySettings& settings = {}) {
    LatencyTracker tracker(probe_, settings);
    return tracker.calibrate(nodes_).value();
  }

  TemporaryTree tree_;
  std::vector<NumaNode> nodes_;
  TruthfulProbe probe_;
};

TEST_P(Topologies, TheProbeTellsTheOrder) {
  const TierTopology topology = found();
  EXPECT_EQ(numbers(topology), GetParam().tiers);
  EXPECT_EQ(topology.undecided, 0);
  std::vector<NodeId> closed;
  for (const int node : GetParam().closed) closed.push_back({node});
  EXPECT_EQ(topology.closed, closed);
}

TEST_P(Topologies, LoadOnOneNodeDoesNotTurnTheOrderRound) {
  for (const int node : GetParam().tiers.front()) probe_.load[node] = 1.2;
  EXPECT_EQ(numbers(found()), GetParam().tiers);
}

TEST_P(Topologies, WithoutProbeFirmwareTellsItOrNothingMoves) {
  for (const NumaNode& node : nodes_) probe_.refused[node.id.value] = true;
  const TierTopology topology = found();
  if (!GetParam().needs_probe) {
    EXPECT_EQ(numbers(topology), GetParam().tiers);
    return;
  }
  EXPECT_FALSE(topology.tiered());
  EXPECT_THAT(topology.doubts, testing::Contains(testing::HasSubstr("tiers.order")));
}

TEST_P(Topologies, TheAdministratorsBandwidthsTellItToo) {
  for (const NumaNode& node : nodes_) probe_.refused[node.id.value] = true;
  LatencySettings settings;
  for (const auto& [node, truth] : GetParam().truth)
    settings.bandwidths[node] = Bytes{static_cast<std::uint64_t>(truth.gigabytes_per_second * 1e9)};
  EXPECT_EQ(numbers(found(settings)), GetParam().tiers);
}

// One node after the other cannot be measured: the others' facts stand, and the order does not turn round.
TEST_P(Topologies, AFullNodeNeverMakesSlowMemoryTheFastTier) {
  for (const auto& [full, truth] : GetParam().truth) {
    probe_.refused = {{full, true}};
    const TierTopology topology = found();
    const auto place = [&](int node) { return topology.tier_of(NodeId{node}).value_or(-1); };
    for (const int fast : GetParam().tiers.front())
      for (const int slow : GetParam().tiers.back()) EXPECT_LE(place(fast), place(slow)) << "full: " << full;
  }
}

INSTANTIATE_TEST_SUITE_P(Machines, Topologies, ::testing::ValuesIn(known_topologies()), [](const auto& each) {
  std::string name = each.param.name;
  std::erase_if(name, [](char c) { return c == '-'; });
  return name;
});

// The path to the far socket is longer than to the near one, and the near one has the node's own latency.
TEST(TopologiesOnTwoSockets, PathsAreMeasuredFromTheCpusOfEachNode) {
  const Topology machine = known_topologies().front();
  const TemporaryTree tree(machine.tree);
  const auto nodes = LinuxTopologyReader(tree.root()).nodes().value();
  TruthfulProbe probe(machine, nodes);
  LatencyTracker tracker(probe, {});
  const auto topology = tracker.calibrate(nodes);
  ASSERT_TRUE(topology);
  ASSERT_EQ(topology->paths.size(), 8u * 16);
  for (const MemoryPath& path : topology->paths) {
    const Nanoseconds own = *topology->find(path.memory)->read_latency;
    EXPECT_GE(path.latency, own);
    EXPECT_EQ(path.source, FactSource::kProbe);
    const bool across_the_sockets = path.cpus.value / 4 != path.memory.value % 8 / 4;
    if (across_the_sockets) {
      EXPECT_GT(path.latency, own);
    }
  }
}

}  // namespace
}  // namespace tier
