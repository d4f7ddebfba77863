#include "tierd/policy/policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>
#include <set>

namespace tier {
namespace {

constexpr std::uint64_t kRegion = (2_MiB).value;
constexpr double kTick = 1e4;  // demand worth a move at 150 ns apart: 24 ms over 16 ticks

// A machine and a snapshot that tests fill in.
class PolicyTest : public ::testing::Test {
 protected:
  PolicyTest() {
    add_node(0, 0, 100, 100);
    add_node(1, 1, 250, 1000);
    target_.id = {1};
    target_.pid = {42};
    target_.start_time = 7;
    target_.allowed_nodes = {{0}, {1}, {2}, {3}};
    snapshot_.sequence = forecasts_.sequence = 9;
    snapshot_.tick = {5};
    snapshot_.interval = std::chrono::seconds(1);
  }

  void add_node(int id, int rank, int latency_ns, std::uint64_t regions) {
    NodeState node;
    node.node = {id};
    node.loaded_latency = Nanoseconds{latency_ns};
    node.total = node.free = {regions * kRegion};
    system_.nodes.push_back(node);
    if (static_cast<int>(topology_.tiers.size()) <= rank) topology_.tiers.push_back({rank, {}, {}});
    topology_.tiers[static_cast<std::size_t>(rank)].nodes.push_back({id});
  }

  NodeState& node(int id) {
    return *std::find_if(system_.nodes.begin(), system_.nodes.end(),
                         [&](const NodeState& n) { return n.node.value == id; });
  }

  void unloaded(int rank, int latency_ns) {
    topology_.tiers[static_cast<std::size_t>(rank)].unloaded_latency = Nanoseconds{latency_ns};
  }

  Region& add(int on, double low, double mean, double high) {
    Region region;
    region.key = {{1}, snapshot_.regions.size() * kRegion};
    region.range = {region.key.start, region.key.start + kRegion};
    region.node = {on};
    region.resident = {kRegion};
    snapshot_.regions.push_back(region);
    DemandForecast forecast{region.key, {}};
    forecast.horizons.fill({static_cast<float>(low), static_cast<float>(mean), static_cast<float>(high)});
    forecasts_.forecasts.push_back(forecast);
    auto& free = node(on).free.value;
    free -= std::min(free, kRegion);
    return snapshot_.regions.back();
  }
  Region& add(int on, double demand) { return add(on, demand * 0.8, demand, demand * 1.2); }
  // By span, without uncertainty.
  Region& add_shaped(int on, float next, float soon, float late) {
    Region& region = add(on, 0);
    forecasts_.forecasts.back().horizons = {{{next, next, next}, {soon, soon, soon}, {late, late, late}}};
    return region;
  }
  void fill_fast(double demand) {
    while (node(0).free.value >= kRegion) add(0, demand);
  }

  PolicyInput input() {
    return {snapshot_, forecasts_, topology_, system_,   {&target_, 1}, allocation_, prices_,
            margin_,   1,          100,       settings_, new_memory_,   moving_};
  }
  MigrationPlan plan() { return make_plan(input()); }

  Target target_;
  TierTopology topology_;
  SystemState system_;
  RegionSnapshot snapshot_;
  ForecastSet forecasts_;
  std::vector<NodeAllocation> allocation_;
  NewMemory new_memory_;
  std::vector<MoveUnderWay> moving_;  // by key
  MovePrices prices_;
  double margin_ = 1;
  PolicySettings settings_;
};

TEST_F(PolicyTest, PromotesIntoFreeSpaceWithItsReason) {
  const RegionKey key = add(1, 8000, 10000, 12000).key;
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 1u);
  const MigrationRequest& request = made.requests[0];
  EXPECT_EQ(made.sequence, 9u);
  EXPECT_EQ(made.tick.value, 5u);
  EXPECT_EQ(request.id, 100u);
  EXPECT_EQ(request.key, key);
  EXPECT_EQ(request.pid.value, 42);
  EXPECT_EQ(request.start_time, 7u);
  EXPECT_EQ(request.from.value, 1);
  EXPECT_EQ(request.to.value, 0);
  EXPECT_TRUE(request.promotion);
  EXPECT_EQ(request.reason, MoveReason::kDemandRising);
  EXPECT_NEAR(request.benefit.value, 9000 * 16 * 150e-9, 1e-9) << "half of the way to the low quantile";
  const double work = 500e-6 + 0.25e-9 * kRegion;
  const double away = 0.25e-9 * kRegion, wait = away - (1 - std::exp(-10000 * away)) / 10000;
  EXPECT_NEAR(request.cost.value, work + wait, 1e-9) << "busy CPUs, and the program waits for the copy";
  EXPECT_EQ(request.why.horizon, std::chrono::seconds(16));
  EXPECT_EQ(request.why.latency_from.count(), 250);
  EXPECT_EQ(request.why.latency_to.count(), 100);
  EXPECT_FLOAT_EQ(request.why.forecast.high, 12000);
  EXPECT_EQ(request.why.partner, 0u);
  EXPECT_NEAR(seconds(request.why.work), work, 1e-8);
}

TEST_F(PolicyTest, DoesNotMoveWhatCannotPay) {
  add(1, 400);  // 0.96 ms over the horizon, the move costs 1.1
  EXPECT_TRUE(plan().requests.empty());
  prices_.fixed = Nanoseconds{0};
  EXPECT_EQ(plan().requests.size(), 1u);
  margin_ = 8;
  EXPECT_TRUE(plan().requests.empty());
}

TEST_F(PolicyTest, TellsWhatTheMarginDeclines) {
  fill_fast(10);
  const RegionKey hot = add(1, kTick).key;
  settings_.headroom_share = 0;
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 2u);
  EXPECT_TRUE(made.declined.empty());
  const double promise = made.requests[1].why.promise;
  EXPECT_GT(promise, 1);
  EXPECT_EQ(made.requests[0].why.promise, promise) << "of the whole swap, in both halves";
  margin_ = 1.01 * promise;
  const MigrationPlan held = plan();
  EXPECT_TRUE(held.requests.empty());
  ASSERT_EQ(held.declined.size(), 2u);
  EXPECT_EQ(held.declined[1].key, hot);
  EXPECT_EQ(held.declined[1].why.partner, held.declined[0].id);
  margin_ = 0.99 * promise;
  EXPECT_EQ(plan().requests.size(), 2u);
}

TEST_F(PolicyTest, WhatIsWantedLaterDoesNotDisplaceWhatIsWantedNow) {
  settings_.headroom_share = 0;
  while (node(0).free.value >= kRegion) add_shaped(0, 1e5F, 1e5F, 2e4F);
  add_shaped(1, 0, 0, 1e5F);
  EXPECT_TRUE(plan().requests.empty()) << "its time comes, and so will its move";
}

TEST_F(PolicyTest, WhatIsWantedLaterComesUpOnceNothingIsLost) {
  settings_.headroom_share = 0;
  while (node(0).free.value >= kRegion) add_shaped(0, 0, 0, 2e4F);
  const RegionKey later = add_shaped(1, 0, 1e3F, 1e5F).key;
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 2u);
  EXPECT_EQ(made.requests[1].key, later);
  EXPECT_EQ(made.requests[1].why.horizon, std::chrono::seconds(16)) << "over which it earns most";
}

TEST_F(PolicyTest, WhatIsWantedNextComesUpFirstAndIsToldOverItsTime) {
  settings_.headroom_share = 0;
  settings_.rate = {2 * kRegion};  // one swap
  while (node(0).free.value >= kRegion) add_shaped(0, 1e3F, 1e3F, 3e4F);
  add_shaped(1, 0, 2e4F, 4e4F);
  const RegionKey next = add_shaped(1, 4e4F, 4e4F, 1e4F).key;
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 2u);
  EXPECT_EQ(made.requests[1].key, next) << "the other gains more over all ticks, but not yet";
  EXPECT_EQ(made.requests[1].why.horizon, std::chrono::seconds(4));
  EXPECT_NEAR(made.requests[1].benefit.value, 4e4 * 4 * 150e-9, 1e-9);
  EXPECT_FLOAT_EQ(made.requests[1].why.forecast.mean, 4e4F);
}

TEST_F(PolicyTest, ASwapThatWillBeUndonePaysForBothWays) {
  settings_.headroom_share = 0;
  while (node(0).free.value >= kRegion) add_shaped(0, 0, 0, 3e4F);
  // Four ticks at 150 ns earn once and a half what the two moves cost, and the one there is wanted again
  // later.
  const double cost = 2 * (500e-6 + 0.25e-9 * kRegion);
  const auto soon = static_cast<float>(1.5 * cost / (4 * 150e-9));
  add_shaped(1, soon, soon, soon / 4);
  EXPECT_TRUE(plan().requests.empty());
  forecasts_.forecasts.back().horizons[1].mean *= 2;
  forecasts_.forecasts.back().horizons[1].low *= 2;
  EXPECT_EQ(plan().requests.size(), 2u);
}

// HBM at light load, or a fast tier full of traffic.
TEST_F(PolicyTest, RelievesATierThatAnswersLaterThanTheOneBelow) {
  for (int i = 0; i < 20; ++i) add(0, i == 7 ? 3 * kTick : kTick);
  node(0).loaded_latency = Nanoseconds{200}, node(1).loaded_latency = Nanoseconds{150};
  const MigrationPlan made = plan();
  ASSERT_GE(made.requests.size(), 2u);
  EXPECT_LT(made.requests.size(), 20u) << "not all: it would be crowded there";
  const MigrationRequest& down = made.requests[0];
  EXPECT_EQ(down.key, snapshot_.regions[7].key) << "the most wanted first";
  EXPECT_EQ(down.reason, MoveReason::kRelief);
  EXPECT_FALSE(down.promotion);
  EXPECT_GT(down.benefit.value, down.cost.value);
  EXPECT_GT(down.why.promise, 1);
  node(0).loaded_latency = Nanoseconds{151};
  EXPECT_TRUE(plan().requests.empty()) << "a nanosecond does not pay for the move";
}

// Both answer alike, but one more access holds up everybody in the tier that is full.
TEST_F(PolicyTest, RelievesATierThatIsCrowdedBeforeItAnswersLater) {
  for (int i = 0; i < 20; ++i) add(0, kTick);
  unloaded(0, 100), unloaded(1, 200);
  node(0).loaded_latency = node(1).loaded_latency = Nanoseconds{200};
  const MigrationPlan made = plan();
  ASSERT_FALSE(made.requests.empty());
  for (const MigrationRequest& request : made.requests) EXPECT_EQ(request.reason, MoveReason::kRelief);
  unloaded(0, 200);
  EXPECT_TRUE(plan().requests.empty()) << "nobody waits for others";
}

TEST_F(PolicyTest, WhereBandwidthIsShortStoresWinThePlace) {
  node(0).total = node(0).free = {3 * kRegion};
  add(1, 1.1 * kTick);
  const RegionKey loads = snapshot_.regions.back().key;
  add(1, kTick).stores = 1;
  const RegionKey stores = snapshot_.regions.back().key;
  unloaded(0, 100), unloaded(1, 250);
  ASSERT_FALSE(plan().requests.empty());
  EXPECT_EQ(plan().requests[0].key, loads);
  node(1).loaded_latency = Nanoseconds{500};
  ASSERT_FALSE(plan().requests.empty());
  EXPECT_EQ(plan().requests[0].key, stores) << "ten lines move for each load that waits as long";
  EXPECT_GT(plan().requests[0].why.lines, 1);
}

TEST_F(PolicyTest, NothingGoesUpIntoACrowd) {
  add(1, kTick);
  add(0, 100 * kTick);
  unloaded(0, 100), unloaded(1, 250);
  ASSERT_EQ(plan().requests.size(), 1u);
  node(0).loaded_latency = Nanoseconds{190};  // sooner than 250, and near its end
  for (const MigrationRequest& request : plan().requests) EXPECT_FALSE(request.promotion);
}

TEST_F(PolicyTest, NoRoomIsMadeInATierThatAnswersLater) {
  fill_fast(kTick);
  add(0, 1);
  node(0).free = {};
  ASSERT_FALSE(plan().requests.empty());
  node(0).loaded_latency = Nanoseconds{260};
  for (const MigrationRequest& request : plan().requests) EXPECT_EQ(request.reason, MoveReason::kRelief);
}

// Thirty-two threads in the same few regions: all of them stand still while one is copied.
TEST_F(PolicyTest, EveryWaitingThreadCounts) {
  add(1, 10000);
  const double alone = plan().requests.at(0).cost.value;
  snapshot_.regions[0].waited = {32};
  const double crowd = plan().requests.at(0).cost.value;
  const double away = 0.25e-9 * kRegion, rate = 10000 / 32.0;
  EXPECT_NEAR(
      crowd - alone,
      32 * (away - (1 - std::exp(-rate * away)) / rate) - (away - (1 - std::exp(-10000 * away)) / 10000),
      1e-9);
  EXPECT_GT(crowd, alone);
}

TEST_F(PolicyTest, NeedsEvidence) {
  settings_.promotion_caution = 1;
  add(1, 0, 10000, 50000);
  EXPECT_TRUE(plan().requests.empty()) << "hot on average, but it may as well be cold";
  forecasts_.caution = 0.5;
  EXPECT_EQ(plan().requests.size(), 1u) << "that average has been held to what came";
}

TEST_F(PolicyTest, SwapsTheWorstInsiderForTheBestOutsider) {
  fill_fast(kTick);
  const std::size_t cold = 17;
  forecasts_.forecasts[cold].horizons.fill({0, 10, 20});
  add(1, kTick / 10);
  const RegionKey hot = add(1, kTick).key;
  node(0).free = {};
  settings_.headroom_share = 0;
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 2u);
  const MigrationRequest &out = made.requests[0], &in = made.requests[1];
  EXPECT_EQ(out.key, snapshot_.regions[cold].key) << "room is made first";
  EXPECT_EQ(out.reason, MoveReason::kDisplaced);
  EXPECT_FALSE(out.promotion);
  EXPECT_LT(out.benefit.value, 0);
  EXPECT_EQ(in.key, hot);
  EXPECT_EQ(out.why.partner, in.id);
  EXPECT_EQ(in.why.partner, out.id);
  EXPECT_EQ(in.why.beaten, out.key);
  EXPECT_EQ(out.why.beaten, in.key);
}

TEST_F(PolicyTest, DoesNotSwapEquals) {
  fill_fast(kTick);
  for (int i = 0; i < 50; ++i) add(1, kTick);
  settings_.headroom_share = 0;
  EXPECT_TRUE(plan().requests.empty());
}

TEST_F(PolicyTest, ASaturatedFastTierAttractsNothing) {
  add(1, kTick);
  EXPECT_EQ(plan().requests.size(), 1u);
  node(0).loaded_latency = Nanoseconds{260};
  EXPECT_TRUE(plan().requests.empty());
}

TEST_F(PolicyTest, LeavesAloneWhatMustStay) {
  add(1, kTick).pinned = Pinned::kOwnPolicy;
  add(1, kTick).pinned = Pinned::kMlocked;
  add(1, kTick).pinned = Pinned::kUnmovable;
  add(1, kTick).key.target = {99};
  add(1, kTick).node = {-1};
  add(1, kTick).resident = {};
  add(1, kTick).since_move = 1;
  settings_.cooldown = std::chrono::milliseconds(1500);
  EXPECT_TRUE(plan().requests.empty());
  target_.allowed_nodes = {};
  add(1, kTick);
  EXPECT_TRUE(plan().requests.empty()) << "allowed nodes not known";
  target_.allowed_nodes = {{1}};
  EXPECT_TRUE(plan().requests.empty()) << "cpuset without the fast node";
  target_.allowed_nodes = {{0}, {1}};
  settings_.excluded_nodes = {{0}};
  EXPECT_TRUE(plan().requests.empty());
  settings_.excluded_nodes = {};
  EXPECT_EQ(plan().requests.size(), 1u);
}

TEST_F(PolicyTest, FilePagesMayBeLeftAlone) {
  add(1, kTick).backing = Backing::kFile;
  EXPECT_EQ(plan().requests.size(), 1u);
  settings_.move_file_pages = false;
  EXPECT_TRUE(plan().requests.empty());
}

TEST_F(PolicyTest, AStaleForecastPlansNothing) {
  add(1, kTick);
  forecasts_.sequence = 8;
  EXPECT_TRUE(plan().requests.empty());
  forecasts_.sequence = 9;
  forecasts_.forecasts.clear();
  EXPECT_TRUE(plan().requests.empty());
}

TEST_F(PolicyTest, CapsTheBytesOfATick) {
  for (int i = 0; i < 50; ++i) add(1, kTick + i);
  settings_.rate = {7 * kRegion};
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 7u);
  EXPECT_EQ(made.requests[0].key, snapshot_.regions[49].key) << "the best first";
}

// The same demand by second is worth the same, however long the ticks are.
TEST_F(PolicyTest, ReckonsInSecondsNotInTicks) {
  add(1, kTick).since_move = 3;
  settings_.cooldown = std::chrono::milliseconds(1500);
  const MigrationPlan of_second = plan();
  ASSERT_EQ(of_second.requests.size(), 1u) << "moved three seconds ago";
  snapshot_.interval = std::chrono::milliseconds(250);
  EXPECT_TRUE(plan().requests.empty()) << "moved three quarters of a second ago";
  snapshot_.regions[0].since_move = 6;
  const MigrationPlan of_quarter = plan();
  ASSERT_EQ(of_quarter.requests.size(), 1u);
  EXPECT_EQ(of_quarter.requests[0].benefit.value, of_second.requests[0].benefit.value);
  EXPECT_EQ(of_quarter.requests[0].why.horizon, std::chrono::seconds(16));
  for (int i = 0; i < 20; ++i) add(1, kTick);
  settings_.rate = {16 * kRegion};
  EXPECT_EQ(plan().requests.size(), 4u) << "a quarter of what a second may move";
  settings_.rate = {1};
  EXPECT_EQ(plan().requests.size(), 2u) << "as much as a swap is always allowed";
}

// A forecast counts ticks: of a second ahead the one for four ticks tells, where a tick is a quarter of it.
TEST_F(PolicyTest, TakesTheForecastThatReachesAsFarAsTheSpan) {
  add_shaped(1, 0, 100 * kTick, kTick);
  snapshot_.interval = std::chrono::milliseconds(250);
  MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 1u) << "nothing in the next quarter, but within the second";
  EXPECT_EQ(made.requests[0].why.horizon, std::chrono::seconds(1));
  snapshot_.interval = std::chrono::seconds(1);
  made = plan();
  ASSERT_EQ(made.requests.size(), 1u);
  EXPECT_EQ(made.requests[0].why.horizon, std::chrono::seconds(4)) << "nothing in the next second";
}

TEST_F(PolicyTest, KeepsHeadroomWhileWatchedProgramsAllocate) {
  for (int i = 0; i < 100; ++i) add(0, i < 30 ? kTick / 10 : kTick);
  settings_.headroom_share = 0.05;
  settings_.headroom_limit = 0.25;
  EXPECT_TRUE(plan().requests.empty()) << "nobody allocates, and all is in use";
  new_memory_.watched = new_memory_.allocated = 1000 * kRegion;
  MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 5u);
  for (const MigrationRequest& request : made.requests) {
    EXPECT_EQ(request.reason, MoveReason::kHeadroom);
    EXPECT_NEAR(request.why.beaten_value.value, 1.01 * 0.73 * kTick * 16 * 150e-9, 1e-9)
        << "until it is seen, an average";
  }
  allocation_ = {{{0}, {6 * kRegion}}};
  EXPECT_EQ(plan().requests.size(), 12u) << "two ticks of what programs allocate";
  new_memory_.watched /= 2;
  EXPECT_EQ(plan().requests.size(), 6u) << "half of the room goes to others";
  new_memory_.watched /= 5;
  EXPECT_TRUE(plan().requests.empty()) << "nine tenths of the room go to others: not worth so much";
  new_memory_.watched = 1000 * kRegion;
  allocation_ = {{{0}, {600 * kRegion}}};
  EXPECT_EQ(plan().requests.size(), 25u) << "but never more than the limit";
}

// A program that waits for no memory and takes new memory all the time: every demotion was work for nothing.
TEST_F(PolicyTest, NoRoomIsMadeWhereNothingWaits) {
  fill_fast(0);
  new_memory_.watched = new_memory_.allocated = 1000 * kRegion;
  allocation_ = {{{0}, {6 * kRegion}}};
  EXPECT_TRUE(plan().requests.empty()) << "what new memory is worth is not known";
  new_memory_.demand_per_byte = 0;
  EXPECT_TRUE(plan().requests.empty());
}

TEST_F(PolicyTest, RoomForNewMemoryMustPayForTheMove) {
  fill_fast(kTick);
  settings_.headroom_share = 0.05;
  new_memory_ = {1000.0 * kRegion, 1000.0 * kRegion, 1.03 * kTick / kRegion};
  EXPECT_TRUE(plan().requests.empty()) << "0.2 ms over the horizon, a move costs 1.3";
  prices_ = {Nanoseconds{0}, 0, 0};
  EXPECT_EQ(plan().requests.size(), 5u);
  prices_ = {};
  new_memory_.demand_per_byte = 1.2 * kTick / kRegion;
  EXPECT_EQ(plan().requests.size(), 5u) << "4.3 ms";
  margin_ = 8;
  EXPECT_TRUE(plan().requests.empty()) << "the margin counts here too";
}

TEST_F(PolicyTest, RoomForAProgramThatGrowsNeedNotPayYet) {
  fill_fast(10);
  settings_.headroom_share = 0.05;
  new_memory_ = {1000.0 * kRegion, 1000.0 * kRegion, 200.0 / kRegion};
  EXPECT_TRUE(plan().requests.empty()) << "what is taken has been given back so far";
  new_memory_.lasting = 3.0 * kRegion;
  EXPECT_EQ(plan().requests.size(), 3u) << "as much as lasts";
  new_memory_.demand_per_byte = 20.0 / kRegion;
  EXPECT_TRUE(plan().requests.empty()) << "next to nothing is waited for, so nothing is to be expected";
}

TEST_F(PolicyTest, NoRoomIsMadeForProgramsThatNobodyWatches) {
  fill_fast(100);
  allocation_ = {{{0}, {6 * kRegion}}};
  new_memory_.allocated = 1000 * kRegion;
  EXPECT_TRUE(plan().requests.empty());
}

TEST_F(PolicyTest, RoomForNewMemoryIsMadeOfWhatIsWorthLess) {
  for (int i = 0; i < 100; ++i) add(0, i < 4 ? kTick : 3 * kTick);
  settings_.headroom_share = 0.05;
  new_memory_ = {1000.0 * kRegion, 1000.0 * kRegion, 0.9 * kTick / kRegion};
  EXPECT_TRUE(plan().requests.empty()) << "colder than all that is there";
  new_memory_.demand_per_byte = 2 * kTick / kRegion;
  const MigrationPlan made = plan();
  EXPECT_EQ(made.requests.size(), 4u) << "hotter than the four";
  for (const MigrationRequest& request : made.requests) {
    EXPECT_LT(request.key.start, 4 * kRegion);
    EXPECT_NEAR(request.why.beaten_value.value, 2 * kTick * 16 * 150e-9, 1e-9);
  }
  new_memory_.demand_per_byte = 10 * kTick / kRegion;
  EXPECT_EQ(plan().requests.size(), 5u) << "hotter than all, but bounded";
}

TEST_F(PolicyTest, HeadroomIsMadeOfWhatIsNextToUnused) {
  for (int i = 0; i < 100; ++i) add(0, i < 98 ? kTick : 1);
  settings_.headroom_share = 0.1;
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 2u);
  EXPECT_EQ(made.requests[0].why.beaten_value.value, 0) << "nobody is known to take its place";
}

TEST_F(PolicyTest, PromotionsDoNotEatTheHeadroom) {
  node(0).free = {2 * kRegion};
  settings_.headroom_share = 0.02;
  add(1, kTick);
  EXPECT_TRUE(plan().requests.empty());
}

TEST_F(PolicyTest, ThreeTiersPromoteToTheBestAndDemoteDownTheWaterfall) {
  add_node(2, 2, 600, 1000);
  settings_.headroom_share = 0;
  for (int i = 0; i < 100; ++i) add(0, i == 0 ? 10 : 10 * kTick);
  const RegionKey cold = snapshot_.regions[0].key;
  const RegionKey hot = add(2, 10 * kTick).key;
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 2u);
  EXPECT_EQ(made.requests[0].key, cold);
  EXPECT_EQ(made.requests[0].to.value, 1) << "one step down";
  EXPECT_EQ(made.requests[1].key, hot);
  EXPECT_EQ(made.requests[1].to.value, 0);
}

TEST_F(PolicyTest, ThreeTiersUseTheMiddleWhereTheTopIsNotWorthIt) {
  add_node(2, 2, 600, 1000);
  settings_.headroom_share = 0;
  fill_fast(10 * kTick);
  const RegionKey warm = add(2, kTick).key;
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 1u);
  EXPECT_EQ(made.requests[0].key, warm);
  EXPECT_EQ(made.requests[0].to.value, 1);
}

TEST_F(PolicyTest, WithTheSlowTierFullASwapGoesThroughTheHeadroom) {
  for (int i = 0; i < 98; ++i) add(0, i == 3 ? 1 : 2 * kTick);
  const RegionKey hot = add(1, kTick).key;
  node(1).free = {};
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 2u);
  EXPECT_EQ(made.requests[0].key, hot);
  EXPECT_EQ(made.requests[1].key, snapshot_.regions[3].key);
  EXPECT_EQ(made.requests[0].why.partner, made.requests[1].id);
  node(0).free = {};
  EXPECT_TRUE(plan().requests.empty()) << "both full: nothing can move";
}

TEST_F(PolicyTest, DemotesWhatACgroupHoldsAboveItsLimit) {
  target_.cgroup = "/batch/job";
  settings_.fast_limits = {{"/batch", 0.1}};
  settings_.headroom_share = 0;
  for (int i = 0; i < 20; ++i) add(0, kTick * (i + 1));
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 10u) << "ten of a hundred may stay";
  std::set<Address> gone;
  for (const auto& request : made.requests) {
    EXPECT_EQ(request.reason, MoveReason::kFastLimit);
    gone.insert(request.key.start / kRegion);
  }
  EXPECT_EQ(*gone.rbegin(), 9u) << "the least wanted ones";
}

TEST_F(PolicyTest, AtItsLimitACgroupSwapsWithItselfOnly) {
  target_.cgroup = "/batch";
  settings_.fast_limits = {{"/batch", 0.1}};
  settings_.headroom_share = 0;
  for (int i = 0; i < 10; ++i) add(0, i == 3 ? 0 : kTick * 20);
  add(1, kTick * 10);
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 2u) << "90 free regions are not for it";
  EXPECT_EQ(made.requests[0].key.start, 3 * kRegion);
  EXPECT_EQ(made.requests[1].key.start, 10 * kRegion);
  EXPECT_TRUE(made.requests[1].promotion);
}

TEST_F(PolicyTest, ACgroupAtItsLimitDoesNotStandInTheWayOfOthers) {
  target_.cgroup = "/batch";
  settings_.fast_limits = {{"/batch", 0.0}};
  for (int i = 0; i < 40; ++i) add(1, kTick * 50);
  add(1, kTick * 10).key.target = {2};
  forecasts_.forecasts.back().key.target = {2};
  Target other = target_;
  other.id = {2};
  other.cgroup = "/other";
  const std::vector<Target> both = {target_, other};
  const MigrationPlan made = make_plan(
      {snapshot_, forecasts_, topology_, system_, both, allocation_, prices_, margin_, 1, 100, settings_});
  ASSERT_EQ(made.requests.size(), 1u);
  EXPECT_EQ(made.requests[0].key.target, TargetId{2});
}

TEST_F(PolicyTest, TheInnermostCgroupCountsAndOthersAreFree) {
  target_.cgroup = "/batch/urgent";
  settings_.fast_limits = {{"/batch", 0.0}, {"/batch/urgent", 1.0}, {"/bat", 0.0}};
  add(1, kTick * 10);
  EXPECT_EQ(plan().requests.size(), 1u);
  target_.cgroup = "/batch/late";
  EXPECT_TRUE(plan().requests.empty());
  target_.cgroup = "/batches";
  EXPECT_EQ(plan().requests.size(), 1u) << "a name that only begins alike";
}

TEST_F(PolicyTest, LeavesANodeThatGoesOffline) {
  add(0, 5);
  add(0, 50);
  node(0).online = false;
  add(1, kTick);
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 2u);
  EXPECT_EQ(made.requests[0].key, snapshot_.regions[1].key) << "the most wanted first";
  for (const MigrationRequest& request : made.requests) {
    EXPECT_EQ(request.reason, MoveReason::kNodeOffline);
    EXPECT_EQ(request.to.value, 1);
  }
}

TEST_F(PolicyTest, WhatIsUnderWayIsNeitherAWinnerNorAVictim) {
  settings_.headroom_share = 0;
  fill_fast(kTick);
  forecasts_.forecasts[7].horizons.fill({0, 0, 0});  // the one that would go
  const RegionKey coldest = snapshot_.regions[7].key;
  const RegionKey first = add(1, 100 * kTick).key;
  const RegionKey second = add(1, 90 * kTick).key;
  ASSERT_EQ(plan().requests.size(), 4u) << "two swaps";
  moving_ = {{coldest, {0}, {1}, {0}}, {first, {1}, {0}, {0}}};
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 2u);
  EXPECT_NE(made.requests[0].key, coldest);
  EXPECT_EQ(made.requests[1].key, second);
  node(1).online = false;
  for (const MigrationRequest& request : plan().requests) EXPECT_NE(request.key, first);
  EXPECT_EQ(explain_standing(input(), first).why, "It is being moved to node 0.");
}

TEST_F(PolicyTest, WhatIsUnderWayHasTakenItsRoomAndFreedNone) {
  node(0).free = {3 * kRegion};
  settings_.headroom_share = 0;
  for (int i = 0; i < 10; ++i) add(1, 10 * kTick);
  EXPECT_EQ(plan().requests.size(), 3u);
  moving_ = {{{{9}, 0}, {1}, {0}, {kRegion}}};
  EXPECT_EQ(plan().requests.size(), 2u) << "one place is taken, though it is still free";
  moving_ = {{{{9}, 0}, {1}, {0}, {7 * kRegion}}};
  EXPECT_TRUE(plan().requests.empty());
  moving_ = {{{{9}, 0}, {0}, {1}, {7 * kRegion}}};
  EXPECT_EQ(plan().requests.size(), 3u) << "what goes down is not gone yet";
}

TEST_F(PolicyTest, RoomThatIsBeingMadeIsNotMadeTwice) {
  for (int i = 0; i < 100; ++i) add(0, i < 30 ? kTick / 10 : kTick);
  settings_.headroom_share = 0.05;
  settings_.headroom_limit = 0.25;
  new_memory_.watched = new_memory_.allocated = 1000 * kRegion;
  ASSERT_EQ(plan().requests.size(), 5u);
  moving_ = {{snapshot_.regions[0].key, {0}, {1}, {kRegion}},
             {snapshot_.regions[1].key, {0}, {1}, {kRegion}}};
  const MigrationPlan made = plan();
  EXPECT_EQ(made.requests.size(), 3u);
  for (const MigrationRequest& request : made.requests) EXPECT_GT(request.key.start, kRegion);
}

TEST_F(PolicyTest, ACgroupHoldsWhatIsOnItsWay) {
  target_.cgroup = "/a";
  settings_.fast_limits = {{"/a", 0.1}};
  for (int i = 0; i < 12; ++i) add(0, kTick);
  ASSERT_EQ(plan().requests.size(), 2u) << "a tenth of a hundred";
  moving_ = {{snapshot_.regions[0].key, {0}, {1}, {kRegion}}};
  EXPECT_EQ(plan().requests.size(), 1u) << "one of them goes down already";
  add(1, kTick);
  moving_.push_back({snapshot_.regions.back().key, {1}, {0}, {kRegion}});
  EXPECT_EQ(plan().requests.size(), 2u) << "and one comes up";
}

// A plan may be replaced before its end: were all room made first, none of it would be used.
TEST_F(PolicyTest, WhatFitsIntoFreeMemoryComesBeforeRoomIsMade) {
  settings_.headroom_share = 0;
  for (int i = 0; i < 97; ++i) add(0, kTick);
  for (int i = 0; i < 8; ++i) add(1, (100 - i) * kTick);
  const MigrationPlan made = plan();
  ASSERT_EQ(made.requests.size(), 3u + 2 * 5u);
  for (std::size_t i = 0; i < made.requests.size(); ++i) {
    const bool up = i < 3 || i >= 8;
    EXPECT_EQ(made.requests[i].promotion, up) << i;
    EXPECT_EQ(made.requests[i].why.partner != 0, i >= 3) << i;
  }
}

TEST_F(PolicyTest, ExplainsWhereARegionStands) {
  const RegionKey hot = add(1, kTick).key, cold = add(1, 1).key, fast = add(0, 1).key;
  add(1, 1).pinned = Pinned::kMlocked;
  EXPECT_NE(explain_standing(input(), hot).why.find("waits for room"), std::string::npos);
  EXPECT_EQ(explain_standing(input(), hot).why.find("e-"), std::string::npos)
      << explain_standing(input(), hot).why;
  EXPECT_EQ(explain_standing(input(), hot).better, NodeId{0});
  EXPECT_GT(explain_standing(input(), hot).benefit->value, explain_standing(input(), hot).cost->value);
  EXPECT_NE(explain_standing(input(), cold).why.find("would save"), std::string::npos);
  EXPECT_EQ(explain_standing(input(), fast).why, "It is in the fastest tier.");
  EXPECT_NE(explain_standing(input(), snapshot_.regions[3].key).why.find("mlock"), std::string::npos);
  EXPECT_NE(explain_standing(input(), {{5}, 0}).why.find("Nothing was sampled"), std::string::npos);
}

// Random machines and snapshots; what must hold for every plan.
class AnyPlan : public PolicyTest, public ::testing::WithParamInterface<int> {
 protected:
  void build(std::mt19937& random) {
    const auto draw = [&](int low, int high) {
      return std::uniform_int_distribution<int>(low, high)(random);
    };
    if (draw(0, 1) == 1) add_node(2, 2, draw(300, 900), static_cast<std::uint64_t>(draw(50, 500)));
    if (draw(0, 2) == 0) add_node(3, 0, draw(80, 140), static_cast<std::uint64_t>(draw(5, 60)));
    target_.allowed_nodes.clear();
    for (int id = 0; id < 4; ++id) {
      if (draw(0, 4) > 0) target_.allowed_nodes.push_back({id});
    }
    settings_.rate = {static_cast<std::uint64_t>(draw(1, 300)) * kRegion};
    settings_.headroom_share = draw(0, 10) / 100.0;
    margin_ = draw(5, 30) / 10.0;
    std::lognormal_distribution<double> demand(6, 3);
    for (int i = 0, count = draw(20, 500); i < count; ++i) {
      NodeState& on =
          system_.nodes[static_cast<std::size_t>(draw(0, static_cast<int>(system_.nodes.size()) - 1))];
      if (on.free.value < kRegion) continue;
      const double d = demand(random);
      Region& region = add(on.node.value, d * draw(0, 10) / 10, d, d * draw(10, 30) / 10);
      region.resident = {static_cast<std::uint64_t>(draw(1, 512)) * 4096};
      if (draw(0, 9) == 0) region.pinned = Pinned::kMlocked;
      if (draw(0, 9) == 0) region.since_move = static_cast<std::uint32_t>(draw(0, 9));
    }
    if (draw(0, 3) == 0) system_.nodes[0].online = false;
  }
};

TEST_P(AnyPlan, FitsAtEveryStepMovesNothingTwiceAndStaysWithinItsLimits) {
  std::mt19937 random(static_cast<std::uint32_t>(GetParam()));
  for (int round = 0; round < 40; ++round) {
    SetUp();
    snapshot_.regions.clear(), forecasts_.forecasts.clear();
    system_.nodes.clear(), topology_.tiers.clear();
    add_node(0, 0, 100, 60);
    add_node(1, 1, 250, 300);
    build(random);
    const MigrationPlan made = plan();
    std::map<int, double> free;
    for (const NodeState& n : system_.nodes) free[n.node.value] = static_cast<double>(n.free.value);
    std::set<RegionKey> moved;
    std::uint64_t bytes = 0;
    std::set<std::uint64_t> ids;
    for (const MigrationRequest& request : made.requests) {
      const auto region = std::find_if(snapshot_.regions.begin(), snapshot_.regions.end(),
                                       [&](const Region& r) { return r.key == request.key; });
      ASSERT_NE(region, snapshot_.regions.end());
      EXPECT_TRUE(ids.insert(request.id).second);
      EXPECT_TRUE(moved.insert(request.key).second) << "moved twice";
      EXPECT_EQ(region->pinned, Pinned::kNo);
      EXPECT_EQ(request.from, region->node);
      EXPECT_NE(request.from, request.to);
      EXPECT_EQ(request.bytes, region->resident);
      const auto& allowed = target_.allowed_nodes;
      EXPECT_NE(std::find(allowed.begin(), allowed.end(), request.to), allowed.end());
      EXPECT_TRUE(node(request.to.value).online);
      free[request.to.value] -= static_cast<double>(request.bytes.value);
      free[request.from.value] += static_cast<double>(request.bytes.value);
      EXPECT_GE(free[request.to.value], 0) << "no room when its turn comes";
      bytes += request.bytes.value;
      if (request.reason == MoveReason::kDemandRising) {
        EXPECT_GT(request.benefit.value, margin_ * request.cost.value);
      }
    }
    for (const MigrationRequest& request : made.declined) {
      EXPECT_TRUE(ids.insert(request.id).second);
      EXPECT_TRUE(moved.insert(request.key).second) << "declined, and moved all the same";
      EXPECT_LE(request.why.promise, margin_);
    }
    if (!ids.empty()) {
      EXPECT_EQ(*ids.rbegin() - 100 + 1, ids.size()) << "numbered without gaps";
    }
    EXPECT_LE(bytes, std::max(settings_.rate.value, 2 * kRegion)) << "one swap may be made with any rate";
    const MigrationPlan again = plan();
    ASSERT_EQ(again.requests.size(), made.requests.size()) << "the same input gives the same plan";
    for (std::size_t i = 0; i < made.requests.size(); ++i)
      EXPECT_EQ(again.requests[i].key, made.requests[i].key);
  }
}

INSTANTIATE_TEST_SUITE_P(Random, AnyPlan, ::testing::Range(0, 12));

}  // namespace
}  // namespace tier
