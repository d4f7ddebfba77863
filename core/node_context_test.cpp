#include "core/node_context.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

NumaNode node(int id, bool cpus, std::vector<int> distances, std::optional<Bytes> bandwidth) {
  NumaNode n;
  n.id = NodeId{id};
  n.has_cpus = cpus;
  n.total = 4_GiB;
  n.free = 1_GiB;
  n.distances = std::move(distances);
  n.read_bandwidth = bandwidth;
  return n;
}

// Two near nodes of which one has no CPUs, and a far one.
TierTopology three_nodes() {
  TierTopology topology;
  topology.nodes = {node(0, true, {10, 13, 20}, 100_GiB), node(1, false, {13, 10, 21}, 300_GiB),
                    node(2, false, {20, 21, 10}, std::nullopt)};
  topology.tiers = {{0, {NodeId{0}, NodeId{1}}, Nanoseconds{100}}, {1, {NodeId{2}}, Nanoseconds{250}}};
  return topology;
}

TEST(NodeContext, ATierIsWhatItsNodesAreTogether) {
  SystemState system;
  system.nodes = {{NodeId{0}, Nanoseconds{120}, 2_GiB, 4_GiB, true},
                  {NodeId{1}, Nanoseconds{180}, 0_GiB, 4_GiB, true}};
  const NodeContext context = context_of(three_nodes(), system);
  ASSERT_EQ(context.tiers.size(), 2U);
  EXPECT_EQ(context.tiers[0].total, 8_GiB);
  EXPECT_EQ(context.tiers[0].free, 2_GiB);
  EXPECT_EQ(context.tiers[0].loaded_latency, Nanoseconds{150});
  EXPECT_EQ(context.tiers[0].bandwidth, 400_GiB);
  EXPECT_EQ(context.tiers[0].distance, 10);
  EXPECT_EQ(context.tiers[1].distance, 20);
  EXPECT_EQ(context.tiers[1].loaded_latency, Nanoseconds{250}) << "unloaded while the tick has no other";
  EXPECT_FALSE(context.tiers[1].bandwidth.has_value());
}

TEST(NodeContext, SensorsThatAreNotThereStayUnknown) {
  const NodeContext context = context_of(three_nodes(), {});
  EXPECT_FALSE(context[NodeMetric::kMemoryPressureSome].has_value()) << "0 would say that there is none";
  EXPECT_EQ(context[NodeMetric::kFastFree], 0.25);
  EXPECT_FALSE(context[NodeMetric::kPower].has_value());
  EXPECT_TRUE(context_of({}, {}).tiers.empty());
}

TEST(NodeContext, UsedBandwidthIsThatOfTheTiersWhoseMemoryIsCounted) {
  SystemState system;
  system.nodes = {{NodeId{0}, Nanoseconds{120}, 2_GiB, 4_GiB, true, 3e9},
                  {NodeId{1}, Nanoseconds{180}, 0_GiB, 4_GiB, true, {}},
                  {NodeId{2}, Nanoseconds{280}, 0_GiB, 4_GiB, true, {}}};
  NodeContext context = context_of(three_nodes(), system);
  EXPECT_EQ(context.tiers[0].used_bandwidth, 3e9) << "counted as one node's where CPUs form several";
  EXPECT_EQ(context[NodeMetric::kFastBandwidthUsed], 3e9);
  EXPECT_FALSE(context[NodeMetric::kSlowBandwidthUsed].has_value()) << "0 would say that it is idle";
  system.nodes[1].used_bandwidth = 1e9, system.nodes[2].used_bandwidth = 5e8;
  context = context_of(three_nodes(), system);
  EXPECT_EQ(context[NodeMetric::kFastBandwidthUsed], 4e9);
  EXPECT_EQ(context[NodeMetric::kSlowBandwidthUsed], 5e8);
  // One of two slow tiers is not counted: the other one's traffic is not that of both.
  TierTopology four = three_nodes();
  four.tiers.push_back({2, {NodeId{3}}, Nanoseconds{400}});
  four.nodes.push_back(node(3, false, {30, 30, 30, 10}, std::nullopt));
  EXPECT_FALSE(context_of(four, system)[NodeMetric::kSlowBandwidthUsed].has_value());
}

TEST(NodeContext, EveryMetricHasItsName) {
  EXPECT_STREQ(to_string(NodeMetric::kMemoryPressureSome), "memory-pressure-some");
  EXPECT_STREQ(to_string(NodeMetric::kSampled), "sampled");
  EXPECT_EQ(static_cast<std::size_t>(NodeMetric::kSampled) + 1, kNodeMetrics);
}

}  // namespace
}  // namespace tier
