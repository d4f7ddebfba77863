// Programs on one of two sockets: node 0 and 1 have CPUs and slow memory, node 2 and 3 are the fast memory of
// the first and of the second socket.
#include "tierd/policy/reach.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "tierd/policy/policy.h"

namespace tier {
namespace {

constexpr std::uint64_t kRegion = (2_MiB).value;
constexpr double kTick = 1e4;  // demand worth a move at 150 ns apart
constexpr Nanoseconds kSlow{250}, kFast{100};

std::vector<MemoryPath> paths_of_two_sockets() {
  std::vector<MemoryPath> paths;
  for (const int cpus : {0, 1}) {
    for (const int memory : {0, 1, 2, 3}) {
      const Nanoseconds near = memory < 2 ? kSlow : kFast;
      paths.push_back({{cpus}, {memory}, memory % 2 == cpus ? near : near * 2, {}, FactSource::kProbe});
    }
  }
  return paths;
}

class TwoSockets : public ::testing::Test {
 protected:
  TwoSockets() {
    topology_.tiers = {{0, {{2}, {3}}, kFast}, {1, {{0}, {1}}, kSlow}};
    topology_.paths = paths_of_two_sockets();
    for (const int id : {0, 1, 2, 3}) {
      const Bytes total{(id < 2 ? 1000 : 100) * kRegion};
      system_.nodes.push_back({{id}, id < 2 ? kSlow : kFast, total, total, true});
    }
    target_.id = {1};
    target_.allowed_nodes = {{0}, {1}, {2}, {3}};
    snapshot_.sequence = forecasts_.sequence = 1;
    snapshot_.interval = std::chrono::seconds(1);
  }

  RegionKey add(int on, double demand) {
    Region region;
    region.key = {{1}, snapshot_.regions.size() * kRegion};
    region.range = {region.key.start, region.key.start + kRegion};
    region.node = {on};
    region.resident = {kRegion};
    snapshot_.regions.push_back(region);
    DemandForecast forecast{region.key, {}};
    forecast.horizons.fill(
        {static_cast<float>(demand), static_cast<float>(demand), static_cast<float>(demand)});
    forecasts_.forecasts.push_back(forecast);
    free(on) -= std::min(free(on), kRegion);
    return region.key;
  }
  std::uint64_t& free(int id) { return system_.nodes[static_cast<std::size_t>(id)].free.value; }
  void run_on(double first_socket) { target_.runs_on = {{{0}, first_socket}, {{1}, 1 - first_socket}}; }

  MigrationPlan plan() {
    return make_plan({snapshot_,
                      forecasts_,
                      topology_,
                      system_,
                      {&target_, 1},
                      {},
                      prices_,
                      1,
                      1,
                      1,
                      settings_,
                      new_memory_});
  }

  Target target_;
  TierTopology topology_;
  SystemState system_;
  RegionSnapshot snapshot_;
  ForecastSet forecasts_;
  MovePrices prices_;
  NewMemory new_memory_;
  PolicySettings settings_;
};

TEST(ReachTable, MeansOverSharesAndIsOneWhereNothingIsKnown) {
  TierTopology topology;
  EXPECT_TRUE(ReachTable(topology).uniform());
  topology.paths = paths_of_two_sockets();
  const ReachTable table(topology);
  EXPECT_FALSE(table.uniform());
  const std::array<NodeShare, 2> both = {{{{0}, 0.75}, {{1}, 0.25}}};
  EXPECT_DOUBLE_EQ(table.reach(both, {0}), 1.25);
  EXPECT_DOUBLE_EQ(table.reach(both, {3}), 1.75);
  EXPECT_DOUBLE_EQ(table.reach({}, {3}), 1);
  const std::array<NodeShare, 1> unknown = {{{{7}, 1.0}}};
  EXPECT_DOUBLE_EQ(table.reach(unknown, {3}), 1);
  topology.paths.resize(4);  // one socket's CPUs alone
  EXPECT_TRUE(ReachTable(topology).uniform());
}

TEST_F(TwoSockets, AProgramGetsItsOwnSocketsFastMemoryFirst) {
  add(0, kTick);
  run_on(1);
  ASSERT_EQ(plan().requests.size(), 1u);
  EXPECT_EQ(plan().requests[0].to, NodeId{2});
  run_on(0);
  ASSERT_EQ(plan().requests.size(), 1u);
  EXPECT_EQ(plan().requests[0].to, NodeId{3});
  EXPECT_EQ(plan().requests[0].why.latency_from, kSlow * 2) << "node 0 is far from where it runs";
  EXPECT_EQ(plan().requests[0].why.reach_from, 2);
  EXPECT_EQ(plan().requests[0].why.reach_to, 1);
}

TEST_F(TwoSockets, TheFarFastNodeServesWhereTheNearOneIsFullOfHotterMemory) {
  run_on(1);
  while (free(2) >= kRegion) add(2, 100 * kTick);
  const RegionKey cold = add(0, 2 * kTick);
  const MigrationPlan made = plan();
  const auto it = std::find_if(made.requests.begin(), made.requests.end(),
                               [&](const MigrationRequest& request) { return request.key == cold; });
  ASSERT_NE(it, made.requests.end());
  EXPECT_EQ(it->to, NodeId{3});
}

TEST_F(TwoSockets, MemoryOfTheSameTierComesNearWhenThatPays) {
  run_on(1);
  const RegionKey hot = add(3, 4 * kTick);
  add(3, 1);  // not worth its move
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 1u);
  EXPECT_EQ(made.requests[0].key, hot);
  EXPECT_EQ(made.requests[0].to, NodeId{2});
  EXPECT_EQ(made.requests[0].reason, MoveReason::kNearer);
  EXPECT_FALSE(made.requests[0].promotion);
  EXPECT_GT(made.requests[0].benefit.value, made.requests[0].cost.value);
}

TEST_F(TwoSockets, AFullNearNodeExchangesWithWhatLosesLess) {
  run_on(1);
  settings_.headroom_share = 0;
  while (free(2) >= kRegion) add(2, 10);
  const RegionKey hot = add(3, 10 * kTick);
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 2u);
  EXPECT_TRUE(std::any_of(made.requests.begin(), made.requests.end(), [&](const MigrationRequest& request) {
    return request.key == hot && request.to == NodeId{2};
  }));
  EXPECT_TRUE(std::any_of(made.requests.begin(), made.requests.end(), [](const MigrationRequest& request) {
    return request.from == NodeId{2} && request.to == NodeId{3};
  })) << "the other half stays in the tier";
}

TEST_F(TwoSockets, DemotionGoesToTheNearSlowNode) {
  run_on(0);
  settings_.headroom_share = 0.05;
  new_memory_.watched = new_memory_.allocated = 1000 * kRegion;
  for (int i = 0; free(3) >= kRegion; ++i) add(3, i % 2 == 0 ? kTick : 1);
  const MigrationPlan made = plan();
  ASSERT_FALSE(made.requests.empty());
  for (const MigrationRequest& request : made.requests) EXPECT_EQ(request.to, NodeId{1});
}

// Where it is not known where a program runs, and where all CPUs reach memory alike, a plan is what it was.
TEST_F(TwoSockets, WithoutSharesOrOnOneSocketThePlanIsUnchanged) {
  for (int i = 0; i < 40; ++i) add(i % 4, kTick * (i % 7));
  const auto moves = [&] {
    std::vector<std::tuple<RegionKey, NodeId, double, double>> list;
    for (const MigrationRequest& r : plan().requests)
      list.emplace_back(r.key, r.to, r.benefit.value, r.cost.value);
    return list;
  };
  const auto unknown = moves();
  EXPECT_FALSE(unknown.empty());
  topology_.paths.clear();
  run_on(0.3);
  EXPECT_EQ(moves(), unknown);
  topology_.paths = paths_of_two_sockets();
  topology_.paths.resize(4);
  EXPECT_EQ(moves(), unknown);
}

TEST_F(TwoSockets, ADevicesMemoryNeitherGivesNorReceives) {
  topology_.closed = {{2}, {3}};
  add(0, kTick);
  add(2, 0);
  EXPECT_TRUE(plan().requests.empty());
}

TEST_F(TwoSockets, AMoveWithinTheTierKeepsTheCgroupsLimit) {
  run_on(1);
  target_.cgroup = "/a";
  settings_.fast_limits["/a"] = 0.005;  // one region of the tier's two hundred
  const RegionKey hot = add(3, 4 * kTick);
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 1u);
  EXPECT_EQ(made.requests[0].key, hot);
  EXPECT_EQ(made.requests[0].to, NodeId{2});
}

}  // namespace
}  // namespace tier
