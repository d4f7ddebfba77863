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
  EXPECT_EQ(t->tier_of(NodeId{1}), 0);
  ddr.fact_latency = ddr.read_latency, ddr.read_latency = nanoseconds(20),
  ddr.latency_source = FactSource::kConfig;
  t = build_tiers({ddr, hbm});
  ASSERT_TRUE(t);
  EXPECT_EQ(t->tier_of(NodeId{1}), 0) << "a word on latency alone does not reorder what bandwidth orders";
  EXPECT_EQ(t->find(NodeId{0})->read_latency, nanoseconds(20));
}

TEST(BuildTiers, NearlyEqualNodesShareATier) {
  const auto t =
      build_tiers({node(0, true, 100), node(1, true, 105), node(2, false, 300), node(3, false, 310)});
  ASSERT_TRUE(t);
  ASSERT_EQ(t->tiers.size(), 2u);
  EXPECT_EQ(t->tiers[0].nodes.size(), 2u);
  EXPECT_EQ(t->tiers[1].nodes.size(), 2u);
}

TEST(BuildTiers, NothingMovesOnDistancesAlone) {
  // HBM on Knights Landing and CXL memory look alike by distance.
  const auto t = build_tiers({node(0, true, 100, {10, 31}), node(1, false, std::nullopt, {31, 10})});
  ASSERT_TRUE(t);
  EXPECT_FALSE(t->tiered());
  EXPECT_EQ(t->undecided, 1);
  EXPECT_EQ(t->find(NodeId{0})->latency_source, FactSource::kFirmware)
      << "only what lacks a fact goes by distance";
  EXPECT_EQ(t->find(NodeId{1})->read_latency, nanoseconds(310));
  EXPECT_EQ(t->find(NodeId{1})->latency_source, FactSource::kDistance);
  ASSERT_EQ(t->doubts.size(), 1u);
  EXPECT_NE(t->doubts[0].find("tiers.order"), std::string::npos);
}

TEST(BuildTiers, LatencyAloneDecidesWhereNoHbmAnswersSoLate) {
  const auto slow = build_tiers({node(0, true, 100), node(1, false, 170)});
  ASSERT_TRUE(slow);
  EXPECT_EQ(slow->tier_of(NodeId{1}), 1);
  EXPECT_EQ(slow->undecided, 0);
  const auto like_hbm = build_tiers({node(0, true, 100), node(1, false, 125)});
  ASSERT_TRUE(like_hbm);
  EXPECT_FALSE(like_hbm->tiered());
  EXPECT_EQ(like_hbm->undecided, 1);
}

TEST(BuildTiers, BandwidthsOfTheProbeDecideWhereTheyAreFarApart) {
  NumaNode ddr = node(0, true, 112), hbm = node(1, false, 130);
  ddr.read_bandwidth = Bytes{12'000'000'000}, hbm.read_bandwidth = Bytes{11'000'000'000};
  ddr.bandwidth_source = hbm.bandwidth_source = FactSource::kProbe;
  EXPECT_EQ(build_tiers({ddr, hbm})->undecided, 1) << "two CPUs cannot draw what HBM delivers";
  hbm.read_bandwidth = Bytes{40'000'000'000};
  EXPECT_EQ(build_tiers({ddr, hbm})->tier_of(NodeId{1}), 0);
}

TEST(BuildTiers, TheAdministratorsOrderWins) {
  const std::vector<NumaNode> nodes = {node(0, true, 100), node(1, false, 300), node(2, false, 310)};
  const auto t = build_tiers(nodes, {1.15, {{{1}, {7}}, {{0}}}});
  ASSERT_TRUE(t);
  EXPECT_EQ(t->tier_of(NodeId{1}), 0);
  EXPECT_EQ(t->tier_of(NodeId{0}), 1);
  EXPECT_FALSE(t->tier_of(NodeId{2})) << "not named: in no tier";
  EXPECT_EQ(t->doubts.size(), 2u) << "node 7 does not exist, node 2 is not named";
  EXPECT_FALSE(build_tiers(nodes, {1.15, {{{7}}}}).has_value());
}

TEST(BuildTiers, PathsToTheNearestCpusHaveTheNodesLatencyAndOthersScaleByDistance) {
  std::vector<NumaNode> nodes = {node(0, true, 100, {10, 20, 13}), node(1, true, 100, {20, 10, 26}),
                                 node(2, false, 300, {13, 26, 10})};
  const auto latency = [&](const TierTopology& t, int cpus, int memory) {
    for (const MemoryPath& path : t.paths)
      if (path.cpus == NodeId{cpus} && path.memory == NodeId{memory}) return path.latency.count();
    return -1L;
  };
  auto t = build_tiers(nodes);
  ASSERT_TRUE(t);
  EXPECT_EQ(latency(*t, 0, 0), 100);
  EXPECT_EQ(latency(*t, 1, 0), 200);
  EXPECT_EQ(latency(*t, 0, 2), 300);
  EXPECT_EQ(latency(*t, 1, 2), 600);
  nodes[2].initiators = {{1}};
  t = build_tiers(nodes);
  EXPECT_EQ(latency(*t, 1, 2), 300) << "firmware says whose view it is";
  t = build_tiers(nodes, {},
                  {{{0}, {2}, nanoseconds(300), {}, FactSource::kProbe},
                   {{1}, {2}, nanoseconds(450), {}, FactSource::kProbe}});
  EXPECT_EQ(latency(*t, 1, 2), 450);
}

TEST(BuildTiers, ADevicesMemoryIsRankedAndClosed) {
  NumaNode gpu = node(1, false, 330);
  gpu.of_device = true;
  const auto t = build_tiers({node(0, true, 115), gpu});
  ASSERT_TRUE(t);
  EXPECT_EQ(t->tier_of(NodeId{1}), 1);
  EXPECT_EQ(t->closed, (std::vector{NodeId{1}}));
  EXPECT_TRUE(build_tiers({node(0, true, 115), gpu}, {1.15, {{{0}}, {{1}}}})->closed.empty());
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
