#include "core/topology.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

using std::chrono::nanoseconds;

NumaNode node(int id, bool cpus, std::optional<int> latency_ns, std::vector<int> distances = {}) {
  NumaNode n;
  n.id = NodeId{id};
  n.has_cpus = cpus;
  n.total = 1_GiB;
  n.distances = std::move(distances);
  if (latency_ns) {
    n.read_latency = nanoseconds(*latency_ns);
    n.latency_source = FactSource::kFirmware;
  }
  return n;
}

TEST(BuildTiers, OrdersByLatencyNotByNodeNumber) {
  const auto t = build_tiers({node(0, true, 250), node(1, false, 90)});
  ASSERT_TRUE(t) << t.error().text();
  ASSERT_EQ(t->tiers.size(), 2u);
  EXPECT_EQ(t->tiers[0].nodes, (std::vector{NodeId{1}}));
  EXPECT_EQ(t->tier_of(NodeId{0}), 1);
  EXPECT_FALSE(t->tier_of(NodeId{7}).has_value());
  const NodeRanks ranks(*t);
  for (const int id : {-1, 0, 1, 2, 7}) EXPECT_EQ(ranks.of({id}), t->tier_of({id}).value_or(-1)) << id;
}

TEST(BuildTiers, BandwidthCountsWhereAllNodesTellIt) {
  NumaNode ddr = node(0, true, 112), hbm = node(1, false, 130);
  ddr.read_bandwidth = Bytes{245'000'000'000};
  auto t = build_tiers({ddr, hbm});
  ASSERT_TRUE(t);
  EXPECT_EQ(t->tier_of(NodeId{0}), 0) << "of one node bandwidth is not known: latency alone";
  hbm.read_bandwidth = Bytes{590'000'000'000};
  t = build_tiers({ddr, hbm});
  ASSERT_TRUE(t);
  EXPECT_EQ(t->tier_of(NodeId{1}), 0);
  EXPECT_EQ(t->tiers[0].unloaded_latency, nanoseconds(130));
  EXPECT_EQ(t->tier_of(NodeId{0}), 1);
  hbm.latency_source = FactSource::kConfig;
  t = build_tiers({ddr, hbm});
  ASSERT_TRUE(t);
  EXPECT_EQ(t->tier_of(NodeId{0}), 0) << "the administrator's latencies decide by themselves";
}

TEST(BuildTiers, NearlyEqualNodesShareATier) {
  const auto t =
      build_tiers({node(0, true, 100), node(1, true, 105), node(2, false, 300), node(3, false, 310)});
  ASSERT_TRUE(t);
  ASSERT_EQ(t->tiers.size(), 2u);
  EXPECT_EQ(t->tiers[0].nodes.size(), 2u);
  EXPECT_EQ(t->tiers[1].nodes.size(), 2u);
}

TEST(BuildTiers, FallsBackToDistanceWhenAnyLatencyIsMissing) {
  const auto t = build_tiers({node(0, true, 100, {10, 30}), node(1, false, std::nullopt, {30, 10})});
  ASSERT_TRUE(t);
  ASSERT_TRUE(t->tiered());
  EXPECT_EQ(t->find(NodeId{0})->latency_source, FactSource::kDistance);
  EXPECT_EQ(t->tier_of(NodeId{1}), 1);
}

TEST(BuildTiers, OfflineAndEmptyNodesAreLeftOut) {
  auto off = node(1, false, 300);
  off.online = false;
  auto empty = node(2, false, 300);
  empty.total = {};
  const auto t = build_tiers({node(0, true, 100), off, empty});
  ASSERT_TRUE(t);
  EXPECT_FALSE(t->tiered());
  EXPECT_EQ(t->nodes.size(), 1u);
}

TEST(BuildTiers, NoMemoryIsAnErrorThatNamesTheFix) {
  const auto t = build_tiers({});
  ASSERT_FALSE(t);
  EXPECT_EQ(t.error().kind, ErrorKind::kUnsupported);
  EXPECT_FALSE(t.error().fix.empty());
}

}  // namespace
}  // namespace tier
