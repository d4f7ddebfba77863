#include "tierd/ledger/ledger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/queueing.h"

namespace tier {
namespace {

constexpr std::uint64_t kRegion = (2_MiB).value;

class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest() {
    system_.nodes = {{{0}, Nanoseconds{100}, {}, {}, true}, {{1}, Nanoseconds{300}, {}, {}, true}};
    topology_.nodes.resize(2);
    topology_.nodes[1].id = {1};
    topology_.tiers = {{0, {{0}}, Nanoseconds{100}}, {1, {{1}}, Nanoseconds{300}}};
  }

  static RegionKey key(std::uint64_t i) { return {{1}, i * kRegion}; }

  MigrationRequest request(std::uint64_t region, bool promotion, std::uint64_t partner = 0) {
    MigrationRequest r;
    r.id = next_id_++;
    r.key = key(region);
    r.from = {promotion ? 1 : 0}, r.to = {promotion ? 0 : 1};
    r.promotion = promotion;
    r.reason = promotion ? MoveReason::kDemandRising : MoveReason::kDisplaced;
    r.bytes = {kRegion};
    r.benefit = {promotion ? 1e-3 : -1e-5};
    r.cost = {1e-4};
    r.why.horizon = std::chrono::seconds(4);
    r.why.latency_from = Nanoseconds{promotion ? 300 : 100};
    r.why.latency_to = Nanoseconds{promotion ? 100 : 300};
    r.why.partner = partner;
    r.why.promise = promotion || partner != 0 ? 5 : 0;
    return r;
  }

  void record(std::vector<MigrationRequest> requests, bool imagined = false) {
    MigrationPlan plan;
    plan.tick = {tick_};
    plan.requests = std::move(requests);
    ledger_.record(plan, imagined);
  }

  void report(std::uint64_t id, std::uint64_t bytes = kRegion, double duration = 1e-4) {
    MigrationReport r;
    r.request_id = id;
    r.fate = bytes == kRegion ? MoveFate::kMoved : bytes > 0 ? MoveFate::kPartly : MoveFate::kFailed;
    r.moved = {bytes};
    r.duration = Nanoseconds{static_cast<std::int64_t>(duration * 1e9)};
    if (const Decision* decision = ledger_.find(id); decision != nullptr && 2 * bytes > kRegion)
      lies_on_[decision->request.key.start / kRegion] = decision->request.to.value;
    ledger_.report(r, {tick_});
  }

  // One tick in which region i had demand[i]; node of region i: on[i], else where it was moved to last,
  // else 1.
  TickScore tick(const std::vector<double>& demand, const std::vector<int>& on = {}) {
    RegionSnapshot snapshot;
    snapshot.tick = {++tick_};
    for (std::size_t i = 0; i < demand.size(); ++i) {
      Region region;
      region.key = key(i);
      region.demand = {demand[i]};
      region.resident = {kRegion};
      region.node = {i < on.size() ? on[i] : lies_on_.contains(i) ? lies_on_.at(i) : 1};
      snapshot.regions.push_back(region);
    }
    return ledger_.score(snapshot, system_, topology_);
  }

  Ledger ledger_;
  SystemState system_;
  TierTopology topology_;
  std::uint64_t next_id_ = 1, tick_ = 10;
  std::map<std::uint64_t, int> lies_on_;  // node by region, of those that were moved
};

// A decision is followed through its horizon; what it did for a program goes on.
TEST_F(LedgerTest, WhereMemoryWasMovedToSavesForAsLongAsItStaysThere) {
  record({request(0, true)});
  report(1);
  for (int t = 0; t < 10; ++t) tick({500}, {0});
  EXPECT_NEAR(ledger_.totals().placed.value, 10 * 500 * 200e-9, 1e-12);
  EXPECT_NEAR(ledger_.totals().placed_net().value, 10 * 500 * 200e-9 - 1e-4, 1e-12);
  tick({500}, {1});
  EXPECT_NEAR(ledger_.totals().placed.value, 10 * 500 * 200e-9, 1e-12) << "it lies where it lay first";
  ledger_.target_gone(key(0).target, Tick{99});
  tick({500}, {0});
  EXPECT_NEAR(ledger_.totals().placed.value, 10 * 500 * 200e-9, 1e-12) << "and nothing is followed any more";
}

TEST_F(LedgerTest, BegunAnewItKnowsNothingButWhereMovedMemoryLay) {
  record({request(0, true)});
  report(1);
  for (int t = 0; t < 10; ++t) tick({500}, {0});
  ledger_.begin_anew();
  EXPECT_EQ(ledger_.totals().planned, 0U);
  EXPECT_EQ(ledger_.totals().placed.value, 0);
  EXPECT_EQ(ledger_.find(1), nullptr);
  tick({500}, {0});
  EXPECT_NEAR(ledger_.totals().placed.value, 500 * 200e-9, 1e-12);
}

TEST_F(LedgerTest, APromotionThatEarnsItsCostIsUseful) {
  record({request(0, true)});
  EXPECT_EQ(ledger_.find(1)->verdict, Verdict::kPending);
  report(1);
  for (int t = 0; t < 3; ++t) tick({500});
  EXPECT_EQ(ledger_.find(1)->verdict, Verdict::kPending) << "the horizon has not passed";
  tick({500});
  const Decision& decision = *ledger_.find(1);
  EXPECT_EQ(decision.verdict, Verdict::kUseful);
  EXPECT_NEAR(decision.realised_benefit.value, 4 * 500 * 200e-9, 1e-12);
  EXPECT_NEAR(decision.realised_cost.value, 1e-4, 1e-12);
  EXPECT_EQ(decision.scored->value, 14u);
  EXPECT_EQ(ledger_.totals().useful, 1u);
  EXPECT_NEAR(ledger_.totals().saved().value, 4e-4 - 1e-4, 1e-12);
  EXPECT_EQ(ledger_.margin(), 1);
  tick({500});
  EXPECT_NEAR(ledger_.find(1)->realised_benefit.value, 4e-4, 1e-12) << "closed";
}

// Two sets change places every few ticks: what is taken back in time has not lost what it would have lost by
// now.
TEST_F(LedgerTest, ADecisionIsFollowedNoLongerThanWhatItMovedStaysThere) {
  record({request(0, true), request(1, false)});
  report(1), report(2);
  tick({500, 0});
  record({request(0, false), request(1, true)});
  report(3), report(4);
  for (int t = 0; t < 3; ++t) tick({0, 500});
  EXPECT_NEAR(ledger_.find(1)->realised_benefit.value, 500 * 200e-9, 1e-12);
  EXPECT_EQ(ledger_.find(2)->realised_benefit.value, 0) << "it was back before it was wanted";
  EXPECT_NE(ledger_.find(2)->verdict, Verdict::kHarmful);
  EXPECT_NEAR(ledger_.find(4)->realised_benefit.value, 3 * 500 * 200e-9, 1e-12);
}

TEST_F(LedgerTest, ANumberThatComesAgainIsOneDecision) {
  MigrationRequest up = request(0, true);
  MigrationPlan plan;
  plan.tick = {tick_};
  plan.declined = {up, up};
  ledger_.record(plan, false);
  ledger_.record(plan, false);
  for (int t = 0; t < 8; ++t) tick({500});
  EXPECT_EQ(ledger_.find(up.id), nullptr) << "what was declined has taught what it can";
}

TEST_F(LedgerTest, APromotionThatStaysColdIsWasted) {
  record({request(0, true)});
  report(1);
  for (int t = 0; t < 4; ++t) tick({10});
  EXPECT_EQ(ledger_.find(1)->verdict, Verdict::kWasted);
  EXPECT_GT(ledger_.margin(), 1);
}

TEST_F(LedgerTest, TheHalvesOfASwapAreJudgedTogether) {
  record({request(0, false, 2), request(1, true, 1)});
  report(1), report(2);
  for (int t = 0; t < 4; ++t) tick({600, 500});
  EXPECT_EQ(ledger_.find(1)->verdict, Verdict::kHarmful) << "what went out was wanted more";
  EXPECT_EQ(ledger_.find(2)->verdict, Verdict::kHarmful);
  EXPECT_LT(ledger_.find(1)->realised_benefit.value, 0);
  EXPECT_EQ(ledger_.totals().harmful, 2u);

  record({request(2, false, 4), request(3, true, 3)});
  report(3);
  tick({0, 0, 0, 2000});
  report(4);  // finishes a tick later
  for (int t = 0; t < 3; ++t) tick({0, 0, 0, 2000});
  EXPECT_EQ(ledger_.find(3)->verdict, Verdict::kPending) << "waits for its other half";
  tick({0, 0, 0, 2000});
  EXPECT_EQ(ledger_.find(3)->verdict, Verdict::kUseful);
  EXPECT_EQ(ledger_.find(4)->verdict, Verdict::kUseful);
}

TEST_F(LedgerTest, AMoveIsChargedThePriceThatThePolicyPaidForItsWork) {
  MigrationRequest cheap = request(0, true);  // cost 1e-4
  cheap.why.work = Nanoseconds{1'000'000};    // at a tenth of its time
  record({cheap});
  report(1, kRegion, 3e-3);  // took three times as long
  EXPECT_NEAR(ledger_.find(1)->realised_cost.value, 3e-4, 1e-12);
}

TEST_F(LedgerTest, WhatWasNotMovedIsVoidAndTeachesNothing) {
  record({request(0, true)});
  report(1, 0);
  tick({500});
  EXPECT_EQ(ledger_.find(1)->verdict, Verdict::kVoid);
  EXPECT_EQ(ledger_.find(1)->realised_benefit.value, 0);
  EXPECT_EQ(ledger_.margin(), 1);
  EXPECT_NEAR(ledger_.totals().cost.value, 1e-4, 1e-12) << "the attempt took its time all the same";
}

// A mover that is slower than the policy has hundreds of them a tick.
TEST_F(LedgerTest, WhatANewerPlanReplacedIsCountedOnceAndForgotten) {
  record({request(0, true)});
  MigrationReport stale;
  stale.request_id = 1;
  stale.fate = MoveFate::kStale;
  ledger_.report(stale, {tick_});
  record({request(0, true)});
  report(2);
  for (int t = 0; t < 4; ++t) tick({500});
  const LedgerTotals& totals = ledger_.totals();
  EXPECT_EQ(totals.planned, 2u);
  EXPECT_EQ(totals.reported, 2u);
  EXPECT_EQ(totals.scored, 2u);
  EXPECT_EQ(totals.void_moves, 1u);
  EXPECT_EQ(totals.useful, 1u);
  EXPECT_EQ(totals.evicted, 0u);
  EXPECT_EQ(ledger_.find(1), nullptr);
  EXPECT_NE(ledger_.find(2), nullptr);
}

TEST_F(LedgerTest, ADemotionWhoseWinnerNeverCameIsJudgedAlone) {
  record({request(0, false, 2), request(1, true, 1)});
  report(1), report(2, 0);
  for (int t = 0; t < 4; ++t) tick({5, 5000});
  EXPECT_EQ(ledger_.find(1)->verdict, Verdict::kUseful) << "it lost less than foreseen";
  EXPECT_EQ(ledger_.find(2)->verdict, Verdict::kVoid);
  EXPECT_EQ(ledger_.margin(), 1);
}

TEST_F(LedgerTest, TheMarginWeighsSecondsNotVerdicts) {
  const auto swap = [&](double demand) {
    record({request(0, true)});
    report(next_id_ - 1);
    for (int t = 0; t < 4; ++t) tick({demand});
  };
  for (int i = 0; i < 60; ++i) swap(i % 3 == 0 ? 100.0 : 20000.0);  // -2e-5 s, 1.6e-2 s
  EXPECT_EQ(ledger_.margin(), 1) << "a third of the swaps lost next to nothing";
  ledger_ = Ledger{};
  for (int i = 0; i < 60; ++i) swap(i % 3 == 0 ? 0.0 : 130.0);  // -1e-4 s, 4e-6 s
  EXPECT_GT(ledger_.margin(), 4);
}

TEST_F(LedgerTest, APartlyMovedRegionEarnsItsPart) {
  record({request(0, true)});
  report(1, kRegion / 4);
  for (int t = 0; t < 4; ++t) tick({1000});
  EXPECT_NEAR(ledger_.find(1)->realised_benefit.value, 0.25 * 4 * 1000 * 200e-9, 1e-12);
}

TEST_F(LedgerTest, ALoneDemotionIsUsefulWhileItLosesLittle) {
  record({request(0, false), request(1, false)});
  report(1), report(2);
  for (int t = 0; t < 4; ++t) tick({1, 5000});
  EXPECT_EQ(ledger_.find(1)->verdict, Verdict::kUseful);
  EXPECT_EQ(ledger_.find(2)->verdict, Verdict::kHarmful);
  EXPECT_EQ(ledger_.margin(), 1) << "the margin is about promotions";
}

TEST_F(LedgerTest, ATargetThatGoesLeavesItsDecisionsUnknown) {
  record({request(0, true)});
  report(1);
  tick({500});
  ledger_.target_gone({1}, {tick_});
  EXPECT_EQ(ledger_.find(1)->verdict, Verdict::kUnknown);
  EXPECT_EQ(ledger_.totals().unknown, 1u);
  EXPECT_EQ(ledger_.margin(), 1);
}

TEST_F(LedgerTest, ARequestNeverReportedIsVoidInTheEnd) {
  record({request(0, true)});
  for (int t = 0; t < 310; ++t) tick({500});
  EXPECT_EQ(ledger_.find(1)->verdict, Verdict::kVoid);
}

TEST_F(LedgerTest, ImaginedPlansAreScoredAndWishedOnce) {
  record({request(0, true)}, true);
  tick({1000});
  record({request(0, true), request(1, true)}, true);
  EXPECT_EQ(ledger_.find(2), nullptr) << "the same wish again";
  ASSERT_NE(ledger_.find(3), nullptr);
  for (int t = 0; t < 3; ++t) tick({1000});
  EXPECT_EQ(ledger_.find(1)->verdict, Verdict::kUseful);
  EXPECT_TRUE(ledger_.find(1)->imagined);
  EXPECT_FALSE(ledger_.explain(key(0)).node.has_value()) << "it never moved";
}

// A margin that stops every move must still see that they would pay.
TEST_F(LedgerTest, WhatTheMarginDeclinesTeachesItAndCountsNowhere) {
  for (int i = 0; i < 20; ++i) {
    record({request(0, true)});
    report(next_id_ - 1);
    for (int t = 0; t < 4; ++t) tick({0});
  }
  const LedgerTotals before = ledger_.totals();
  ASSERT_GT(ledger_.margin(), 1);
  RegionStory story;
  for (int i = 0; i < 10; ++i) {
    MigrationPlan plan;
    plan.tick = {tick_};
    plan.declined = {request(0, true)};
    ledger_.record(plan);
    tick({5000});
    story = ledger_.explain(key(0));
    for (int t = 1; t < 4; ++t) tick({5000});
  }
  EXPECT_EQ(ledger_.margin(), 1);
  EXPECT_EQ(ledger_.find(next_id_ - 1), nullptr) << "judged and forgotten";
  EXPECT_EQ(ledger_.totals().planned, before.planned);
  EXPECT_EQ(ledger_.totals().scored, before.scored);
  EXPECT_EQ(ledger_.totals().cost, before.cost);
  EXPECT_EQ(ledger_.totals().realised, before.realised);
  EXPECT_NE(story.text.find("declined"), std::string::npos) << story.text;
  EXPECT_TRUE(story.decisions.front().declined);
}

TEST_F(LedgerTest, HalfASwapTeachesNothing) {
  for (int i = 0; i < 10; ++i) {
    const std::uint64_t id = next_id_;
    record({request(0, false, id + 1), request(1, true, id)});
    report(id);  // what came in failed
    report(id + 1, 0);
    for (int t = 0; t < 4; ++t) tick({5000, 5000});
  }
  EXPECT_EQ(ledger_.margin(), 1);
}

// What its lines no longer make others wait counts as the plan counted it, by what latencies are now.
TEST_F(LedgerTest, AMoveOutOfACrowdEarnsWhatOthersNoLongerWait) {
  MigrationRequest up = request(0, true);
  up.why.lines = 2;
  record({up});
  report(1);
  system_.nodes[1].loaded_latency = Nanoseconds{360};  // 300 when nobody else is there
  tick({500}, {0});
  const double others = 2 * crowding(360e-9, 300e-9);
  EXPECT_GT(others, 50e-9);
  EXPECT_NEAR(ledger_.find(1)->realised_benefit.value, 500 * (260e-9 + others), 1e-12);
  system_.nodes[1].loaded_latency = Nanoseconds{300};
  tick({500}, {0});
  EXPECT_NEAR(ledger_.find(1)->realised_benefit.value, 500 * (260e-9 + others + 200e-9), 1e-12)
      << "the crowd has gone";
}

TEST_F(LedgerTest, ReliefIsJudgedByWhatItGains) {
  MigrationRequest down = request(0, false);
  down.reason = MoveReason::kRelief;
  down.benefit = {1e-3}, down.why.promise = 10;
  down.why.latency_from = Nanoseconds{300}, down.why.latency_to = Nanoseconds{100};
  record({down, request(1, false)});
  report(1), report(2);
  system_.nodes[0].loaded_latency = Nanoseconds{300}, system_.nodes[1].loaded_latency = Nanoseconds{100};
  for (int t = 0; t < 4; ++t) tick({500, 0});
  EXPECT_EQ(ledger_.find(1)->verdict, Verdict::kUseful);
  down.id = next_id_++;
  record({down});
  report(down.id);
  for (int t = 0; t < 4; ++t) tick({10, 0});
  EXPECT_EQ(ledger_.find(down.id)->verdict, Verdict::kWasted);
}

// Accounts of the two groups after ticks of one region in each, both on the slow node unless told.
class GroupsTest : public LedgerTest {
 protected:
  GroupsTest() {
    settings_.comparison.group = {1};
    settings_.comparison.block = 1000;
    ledger_ = Ledger(settings_);
    while (!ControlGroup{1}.has(key(control_))) ++control_;
    while (ControlGroup{1}.has(key(rest_))) ++rest_;
  }
  void tick_both(double control, double rest, int rest_on = 1) {
    std::vector<double> demand(std::max(control_, rest_) + 1, 0);
    std::vector<int> on(demand.size(), 1);
    demand[control_] = control, demand[rest_] = rest, on[rest_] = rest_on;
    tick(demand, on);
  }
  LedgerSettings settings_;
  std::size_t control_ = 0, rest_ = 0;
};

TEST_F(GroupsTest, EachGroupsStallIsItsOwn) {
  tick_both(1e6, 2e6, 0);
  const GroupSums control = ledger_.comparison().sums(true), rest = ledger_.comparison().sums(false);
  EXPECT_NEAR(control.waited, 1e6 * 300e-9, 1e-9);
  EXPECT_NEAR(control.slowest, 1e6 * 300e-9, 1e-9);
  EXPECT_NEAR(rest.waited, 2e6 * 100e-9, 1e-9);
  EXPECT_NEAR(rest.slowest, 2e6 * 300e-9, 1e-9);
  EXPECT_EQ(ledger_.comparison().control_regions(), 1u);
}

// The fast tier has room for one. Its price is what the other would save there.
TEST_F(GroupsTest, FastMemoryCostsWhatTheNextOneWouldSaveThere) {
  settings_.comparison.block = 1;
  ledger_ = Ledger(settings_);
  tick_both(1e6, 2e6, 0);
  ledger_.begin_stage({1}, false);  // the first block has no price yet
  tick_both(1e6, 2e6, 0);
  const double price = 1e6 * 200e-9;
  const GroupSums control = ledger_.comparison().sums(true), rest = ledger_.comparison().sums(false);
  EXPECT_NEAR(rest.rent, price, 1e-9);
  EXPECT_NEAR(control.rent, 0, 1e-9);
  EXPECT_NEAR(rest.best, 2e6 * 100e-9 + price, 1e-9) << "the right one has it: nothing to be gained";
  EXPECT_NEAR(rest.spent(), rest.best, 1e-9);
  EXPECT_NEAR(control.spent(), control.best, 1e-9);
}

// Whoever takes the room of a region that is worth more pays more than it gains.
TEST_F(GroupsTest, WhoAsksForTooMuchLoses) {
  settings_.comparison.block = 1;
  ledger_ = Ledger(settings_);
  tick_both(3e6, 1e6, 0);
  ledger_.begin_stage({1}, false);
  tick_both(3e6, 1e6, 0);
  const GroupSums control = ledger_.comparison().sums(true), rest = ledger_.comparison().sums(false);
  EXPECT_GT(rest.spent(), 0.9 * rest.slowest) << "what it saves, it pays";
  EXPECT_GE(rest.spent(), rest.best);
  EXPECT_GT(control.spent(), control.best);
}

TEST_F(GroupsTest, MovesAreChargedToTheirRegion) {
  record({request(rest_, true)});
  report(1);
  tick_both(1e6, 2e6);
  EXPECT_NEAR(ledger_.comparison().sums(false).waited, 2e6 * 300e-9 + 1e-4, 1e-9);
  EXPECT_NEAR(ledger_.comparison().sums(true).waited, 1e6 * 300e-9, 1e-9);
}

TEST_F(GroupsTest, WhereNothingIsMovedTheImaginedGainCounts) {
  record({request(control_, true)}, true);
  tick_both(1e6, 2e6);
  EXPECT_NEAR(ledger_.comparison().sums(true).waited, 1e6 * 100e-9 + 1e-4, 1e-9);
  EXPECT_NEAR(ledger_.comparison().sums(false).waited, 2e6 * 300e-9, 1e-9);
}

TEST_F(LedgerTest, MemoryIsBoundedAndWhatIsForgottenIsCounted) {
  ledger_ = Ledger(LedgerSettings{.capacity = 100, .margin = {}, .comparison = {}});
  for (int i = 0; i < 250; ++i) record({request(static_cast<std::uint64_t>(i), true)});
  EXPECT_EQ(ledger_.totals().evicted, 150u);
  EXPECT_EQ(ledger_.totals().evicted_unscored, 150u);
  EXPECT_EQ(ledger_.find(150), nullptr);
  ASSERT_NE(ledger_.find(151), nullptr);
  report(3);  // long forgotten: ignored
  EXPECT_EQ(ledger_.totals().reported, 0u);
  EXPECT_NE(ledger_.find(250), nullptr);
  tick({1});
  EXPECT_LT(ledger_.bytes_used(), 100u * 1024);
}

TEST_F(LedgerTest, ExplainTellsTheStoryOfARegion) {
  EXPECT_EQ(ledger_.explain(key(0)).text, "It was never moved.");
  record({request(0, true)});
  report(1);
  for (int t = 0; t < 4; ++t) tick({500});
  record({request(0, false)});
  report(2);
  const RegionStory story = ledger_.explain(key(0));
  ASSERT_EQ(story.decisions.size(), 2u);
  EXPECT_EQ(story.decisions[0].request.id, 2u) << "newest first";
  EXPECT_EQ(story.node, NodeId{1});
  EXPECT_EQ(story.since, Tick{14});
  EXPECT_NEAR(story.cost.value, 2e-4, 1e-12);
  EXPECT_NEAR(story.saved.value, 4e-4, 1e-12);
  EXPECT_NE(story.text.find("displaced"), std::string::npos);
}

TEST_F(LedgerTest, ScoresThePlacementOfEveryTick) {
  const TickScore score = tick({30, 10, 40, 20}, {0, 0, 1, 1});
  EXPECT_DOUBLE_EQ(score.demand, 100);
  EXPECT_DOUBLE_EQ(score.hit_share, 0.4);
  EXPECT_DOUBLE_EQ(score.best_share, 0.7);
  EXPECT_NEAR(score.regret.value, 30 * 200e-9, 1e-15);
  EXPECT_DOUBLE_EQ(ledger_.totals().demand_fast, 40);
  EXPECT_DOUBLE_EQ(tick({}).hit_share, 0);
  EXPECT_DOUBLE_EQ(tick({5}, {-1}).demand, 0) << "place unknown: counted on neither side";
}

TEST(Names, AreDistinct) {
  EXPECT_STREQ(to_string(Verdict::kUseful), "useful");
  EXPECT_STREQ(to_string(Verdict::kHarmful), "harmful");
}

}  // namespace
}  // namespace tier
