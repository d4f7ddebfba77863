// The whole tick on a fake machine; see engine_fixture.h.
#include "tierd/daemon/engine.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>

#include "tierd/daemon/engine_fixture.h"
#include "tierd/daemon/views.h"

namespace tier {
namespace {

TEST_F(EngineTest, HotRegionsReachTheFastTierAndColdOnesStay) {
  start(acting());
  const std::vector<int> hot = {3, 17, 31};
  for (int i = 0; i < 8; ++i) tick(hot);
  for (const int region : hot) EXPECT_EQ(node_of(region), 0) << region;
  EXPECT_EQ(node_of(5), 1);
  EXPECT_EQ(machine_.resident_on(Pid{42}, NodeId{0}).value, hot.size() * kRegion);
  tick(hot);  // its own reports are taken the tick after
  EXPECT_DOUBLE_EQ(engine_->state().score.hit_share, 1.0);
  EXPECT_GT(engine_->ledger().totals().reported, 0u);
}

TEST_F(EngineTest, AMovedHotSetIsFollowedAndTheOldOneMakesRoom) {
  start(acting());
  const std::vector<int> first = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  const std::vector<int> second = {20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
  for (int i = 0; i < 8; ++i) tick(first);
  for (int i = 0; i < 20; ++i) tick(second);
  for (const int region : second) EXPECT_EQ(node_of(region), 0) << region;
  EXPECT_LE(machine_.resident_on(Pid{42}, NodeId{0}).value, (32_MiB).value);
}

TEST_F(EngineTest, SourcesAreToldWhatIsLeftToWin) {
  start({});
  for (int i = 0; i < 8; ++i) tick({3, 17});
  // Twenty samples of 4 ms a second on memory of 400 ns, of which 100 would be left.
  EXPECT_NEAR(source_->stake(), 0.08 * 0.75, 0.02);
}

TEST_F(EngineTest, NothingIsLeftToWinWhereTheHotRegionsAreFast) {
  start(acting());
  for (int i = 0; i < 48; ++i) tick({3, 17});
  EXPECT_NEAR(source_->stake(), 0, 0.001);
}

TEST_F(EngineTest, ObserveModePlansAndMovesNothing) {
  start({});
  for (int i = 0; i < 8; ++i) tick({3, 17});
  EXPECT_EQ(machine_.move_calls(), 0u);
  EXPECT_GT(engine_->ledger().totals().planned, 0u);
  const auto view = explain_view(*engine_, {.pid = 42, .address = kBase + 3 * kRegion + 5});
  ASSERT_TRUE(view) << view.error().text();
  ASSERT_FALSE(view->decisions.empty());
  EXPECT_EQ(view->decisions[0].fate, "imagined");
}

TEST_F(EngineTest, EventsOfMovesSayWhatWentWhere) {
  start(acting());
  for (int i = 0; i < 8; ++i) tick({3});
  const auto events = engine_->events().since(0, 1000);
  const auto moved =
      std::find_if(events.begin(), events.end(), [](const Event& e) { return e.kind == "promoted"; });
  ASSERT_NE(moved, events.end());
  const std::string words = "2 MiB of " + engine_->targets().targets().at(0).name + " at " +
                            fmt::format("{:#x}", kBase + 3 * kRegion) +
                            ", node 1 to node 0, demand: moved in ";
  EXPECT_TRUE(moved->message.starts_with(words)) << moved->message << "\n" << words;
  EXPECT_EQ(moved->region_start, kBase + 3 * kRegion);
  EXPECT_EQ(moved->bytes, (2_MiB).value);
  EXPECT_EQ(moved->from, 1);
  EXPECT_EQ(moved->to, 0);
}

TEST_F(EngineTest, TheHeatMapNamesAProcessThatHasEnded) {
  start({});
  const std::string name = (tick({3}), engine_->targets().targets().at(0).name);
  for (int i = 0; i < 3; ++i) tick({3});
  machine_.exit(Pid{42});
  tick({});
  ASSERT_TRUE(engine_->targets().targets().empty());
  const HeatmapView map = heatmap_view(*engine_, {});
  ASSERT_FALSE(map.rows.empty());
  EXPECT_EQ(map.rows[0].pid, 42);
  EXPECT_EQ(map.rows[0].name, name);
  EXPECT_TRUE(map.rows[0].gone);
  for (int i = 0; i < 600; ++i) tick({});
  EXPECT_TRUE(heatmap_view(*engine_, {}).rows.empty()) << "the record has forgotten it";
}

TEST_F(EngineTest, ExplainsInSentencesWithoutExponents) {
  start(acting());
  for (int i = 0; i < 8; ++i) tick({3});
  for (const int region : {3, 17}) {
    const auto view =
        explain_view(*engine_, {.pid = 42, .address = kBase + static_cast<Address>(region) * kRegion + 5});
    ASSERT_TRUE(view) << view.error().text();
    EXPECT_TRUE(view->why.ends_with(".")) << view->why;
    EXPECT_EQ(view->why.find("e+"), std::string::npos) << view->why;
    EXPECT_EQ(view->why.find("e-"), std::string::npos) << view->why;
  }
}

TEST_F(EngineTest, TopSaysHowManyRowsItLeftOut) {
  start({});
  tick({3});
  EXPECT_EQ(top_view(*engine_, {}).omitted, 0U);
  const std::size_t all = top_view(*engine_, {}).rows.size();
  EXPECT_EQ(top_view(*engine_, {.limit = 1}).omitted, all - 1);
}

TEST_F(EngineTest, PausedMovesNothingUntilResumed) {
  start(acting());
  engine_->set_paused(true, "uid 0 pid 7");
  for (int i = 0; i < 6; ++i) tick({3});
  EXPECT_EQ(node_of(3), 1);
  engine_->set_paused(false, "uid 0 pid 7");
  for (int i = 0; i < 6; ++i) tick({3});
  EXPECT_EQ(node_of(3), 0);
}

TEST_F(EngineTest, ExitBetweenPlanAndMoveLosesNothing) {
  start(acting());
  machine_.on_move([&] { machine_.exit(Pid{42}); });
  for (int i = 0; i < 6; ++i) tick({3, 4, 5});
  EXPECT_TRUE(engine_->targets().targets().empty());
  EXPECT_TRUE(migrator_.totals().pages.balanced());
  EXPECT_EQ(engine_->tracker().targets().size(), 0u);
}

TEST_F(EngineTest, ExecIsAFreshStart) {
  start(acting());
  for (int i = 0; i < 4; ++i) tick({3});
  FakeProcess image{
      .pid = 42, .name = "next", .mappings = {{.start = kBase, .size = Bytes{4 * kRegion}, .node = 1}}};
  machine_.exec(Pid{42}, image);
  tick({});
  tick({});
  const auto moved_before = machine_.resident_on(Pid{42}, NodeId{0}).value;
  EXPECT_EQ(moved_before, 0u) << "what the old program earned must not move the new one's pages";
}

TEST_F(EngineTest, AFullFastTierRefusesAndTheAccountsBalance) {
  start(acting());
  machine_.set_reserved(NodeId{0}, 32_MiB);
  for (int i = 0; i < 6; ++i) tick({3, 4, 5});
  EXPECT_EQ(machine_.resident_on(Pid{42}, NodeId{0}).value, 0u);
  EXPECT_TRUE(migrator_.totals().pages.balanced());
}

TEST_F(EngineTest, ANodeGoingOfflineChangesTheTiers) {
  start(acting());
  for (int i = 0; i < 6; ++i) tick({3});
  ASSERT_EQ(node_of(3), 0);
  machine_.set_online(NodeId{0}, false);
  for (int i = 0; i < 3; ++i) tick({3, 4});
  EXPECT_FALSE(engine_->topology().tiered());
  EXPECT_EQ(node_of(4), 1);
}

TEST_F(EngineTest, SaysOnceThatATargetIsForbidden) {
  machine_.deny(Pid{42}, true);
  start(acting());
  for (int i = 0; i < 3; ++i) tick({});
  int errors = 0;
  for (const auto& event : engine_->events().since(0, 100)) errors += event.kind == "error" ? 1 : 0;
  EXPECT_EQ(errors, 1);
  EXPECT_FALSE(engine_->troubles().empty());
}

TEST_F(EngineTest, UnknownForecasterNamesTheKnownOnes) {
  EngineParts parts{machine_, machine_, migrator_, machine_, machine_, machine_,
                    machine_, machine_, clock_,    {},       Pid{1},   [] { return std::int64_t{0}; }};
  EngineSettings settings;
  settings.forecaster = "crystal-ball";
  const auto made = Engine::create(std::move(parts), settings);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, ErrorKind::kUsage);
  EXPECT_THAT(made.error().fix, testing::HasSubstr("exponential-average"));
}

TEST_F(EngineTest, ViewsShowWhatHappened) {
  start(acting());
  for (int i = 0; i < 8; ++i) tick({3, 17});
  const auto status = status_view(*engine_, "1.0", 256_MiB);
  EXPECT_EQ(status.mode, "act");
  EXPECT_EQ(status.targets, 1u);
  ASSERT_EQ(status.tiers.size(), 2u);
  EXPECT_GT(status.migrator.promoted_bytes, 0u);
  EXPECT_DOUBLE_EQ(status.hit_share.value_or(0), 1.0);
  ASSERT_TRUE(status.self.bytes_per_managed_gib.has_value());
  EXPECT_EQ(status.self.stages.size(), 8U);
  EXPECT_EQ(status.self.stages.front().name, "targets");
  const auto top = top_view(*engine_, {});
  ASSERT_EQ(top.rows.size(), 1u);
  EXPECT_EQ(top.rows[0].uid, 1000);
  EXPECT_EQ(top.rows[0].promoted_bytes, 2 * kRegion);
  const auto heat = heatmap_view(*engine_, {});
  EXPECT_EQ(heat.rows.size(), 2u);
  EXPECT_EQ(heat.rows[0].tier.back(), 0);
  EXPECT_FALSE(explain_view(*engine_, {.pid = 42, .address = 0x10}).has_value());
  EXPECT_FALSE(explain_view(*engine_, {.pid = 4, .address = kBase}).has_value());
}

constexpr Caller kRoot{.privileged = true};

TEST_F(EngineTest, SnapshotsShowDemandAndWhatIsHeld) {
  start({});
  for (int i = 0; i < 3; ++i) tick({3, 17});
  const auto view = snapshot_view(*engine_, kRoot, {.since = 2, .held = true});
  EXPECT_EQ(view.tick, 3u);
  EXPECT_EQ(view.interval_ns, 1'000'000'000);
  EXPECT_EQ(view.region_size_bytes, kRegion);
  EXPECT_TRUE(view.has_stall);
  EXPECT_EQ(view.sources, (std::vector<std::string>{"script"}));
  ASSERT_EQ(view.targets.size(), 1u);
  const SnapshotTargetView& job = view.targets[0];
  EXPECT_EQ(job.pid, 42);
  EXPECT_EQ(job.uid, 1000);
  ASSERT_EQ(job.regions.size(), 2u);
  EXPECT_EQ(job.regions[1].start, kBase + 17 * kRegion);
  EXPECT_NEAR(job.regions[1].waited_seconds, 0.04, 1e-9);
  EXPECT_NEAR(job.regions[1].demand, 0.04 / 400e-9, 1);
  ASSERT_TRUE(job.held);
  ASSERT_EQ(job.held->size(), 1u) << "one run, all of it located";
  EXPECT_EQ(job.held->at(0).start, kBase);
  EXPECT_EQ(job.held->at(0).count, static_cast<std::uint64_t>(kRegions));
  EXPECT_FALSE(snapshot_view(*engine_, kRoot, {}).targets.at(0).held);
  EXPECT_TRUE(snapshot_view(*engine_, kRoot, {.since = 3}).targets.empty()) << "no newer tick";
}

TEST_F(EngineTest, SnapshotsAreBoundedAndKeepTheMostDemanded) {
  start({});
  tick({1, 5, 9}, 1);
  tick({5, 9}, 2);
  tick({1, 5, 9, 9}, 3);
  const auto view = snapshot_view(*engine_, kRoot, {.held = true, .max_regions = 1, .max_runs = 0});
  EXPECT_EQ(view.omitted, 2u);
  ASSERT_EQ(view.targets.at(0).regions.size(), 1u);
  EXPECT_EQ(view.targets[0].regions[0].start, kBase + 9 * kRegion);
  EXPECT_FALSE(view.targets[0].held) << "half a list would look like releases";
}

TEST_F(EngineTest, SnapshotsHideOtherPeoplesProcesses) {
  start({});
  tick({3});
  const auto mine = snapshot_view(*engine_, {.uid = 1000}, {.held = true});
  EXPECT_EQ(mine.targets.size(), 1u);
  EXPECT_EQ(mine.hidden, 0u);
  const auto theirs = snapshot_view(*engine_, {.uid = 1001}, {.held = true});
  EXPECT_TRUE(theirs.targets.empty());
  EXPECT_EQ(theirs.hidden, 1u);
}

// Has always more to do.
class BusyForecaster final : public Forecaster {
 public:
  explicit BusyForecaster(int& steps) : steps_(steps) {}
  std::string name() const override { return "busy"; }
  ForecastSet forecast(const RegionSnapshot& snapshot) override {
    ForecastSet set{snapshot.sequence, name(), {}, 0};
    for (const Region& region : snapshot.regions) set.forecasts.push_back({region.key, {}});
    return set;
  }
  bool idle_work() override { return ++steps_ > 0; }
  std::size_t bytes_used() const override { return 0; }

 private:
  int& steps_;
};

TEST_F(EngineTest, WorkThatCanWaitIsDoneEarlyInTheTickAndWhereNobodyQueuesForTheCpu) {
  int steps = 0;
  make_forecaster_ = [&](const std::string&) { return std::make_unique<BusyForecaster>(steps); };
  start(EngineSettings{});
  EXPECT_FALSE(engine_->idle_work()) << "before the first tick";
  machine_.set_pressure(0.0);
  tick({1});
  EXPECT_TRUE(engine_->idle_work());
  clock_.advance(std::chrono::milliseconds(510));
  EXPECT_FALSE(engine_->idle_work()) << "the next tick is near";
  EXPECT_EQ(steps, 1);
  machine_.set_pressure(12.0);
  tick({1});
  EXPECT_FALSE(engine_->idle_work()) << "programs wait for CPUs";
  machine_.set_pressure(std::nullopt);
  tick({1});
  EXPECT_FALSE(engine_->idle_work()) << "nobody knows whether they do";
  machine_.set_pressure(2.0);
  tick({1});
  EXPECT_TRUE(engine_->idle_work());
  EXPECT_EQ(steps, 2);
}

// A fast tier without room, so that headroom alone would demote what looks idle.
TEST_F(EngineTest, BlindItMovesNothingNotEvenForHeadroom) {
  start(acting());
  machine_.place(Pid{42}, {kBase, kBase + 16 * kRegion}, 0);
  const std::uint64_t before = machine_.resident_on(Pid{42}, NodeId{0}).value;
  for (int i = 0; i < 300; ++i) {
    machine_.use_cpu(Pid{42}, std::chrono::seconds(1));
    tick({});
  }
  EXPECT_EQ(machine_.move_calls(), 0u);
  EXPECT_EQ(machine_.resident_on(Pid{42}, NodeId{0}).value, before);
  EXPECT_EQ(engine_->ledger().totals().planned, 0u) << "nothing is imagined either";
  EXPECT_EQ(engine_->sight().state(), SightState::kBlind);
  // The same tier with sight: the idle regions make room.
  for (int i = 0; i < 20; ++i) tick({20, 21});
  EXPECT_LT(machine_.resident_on(Pid{42}, NodeId{0}).value, before + 2 * kRegion);
  EXPECT_GT(machine_.move_calls(), 0u);
}

TEST_F(EngineTest, WhatGoesBlindStopsMovingBeforeAnythingLooksIdle) {
  start(acting());
  const std::vector<int> hot = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14};
  for (int i = 0; i < 20; ++i) tick(hot);
  const auto moved = machine_.move_calls();
  for (int i = 0; i < 60; ++i) {
    machine_.use_cpu(Pid{42}, std::chrono::seconds(1));
    tick({});
  }
  EXPECT_EQ(machine_.move_calls(), moved);
  std::vector<std::string> told;
  for (const auto& event : engine_->events().since(0, 1000))
    if (event.kind == "sight") told.push_back(event.message);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_TRUE(told[0].starts_with("blind: ")) << told[0];
  EXPECT_EQ(status_view(*engine_, "1", {}).sight.state, "blind");
}

// One plan may last for minutes at a low rate; what it has waiting when sight is lost must not be done.
TEST_F(EngineTest, WhatWaitsIsCalledOffWhenSightIsLost) {
  start(acting());
  for (int i = 0; i < 2; ++i) tick({3, 17});
  // The samples of this tick make a plan, of which nothing is carried out yet.
  SampleBatch batch;
  for (int region = 20; region < 26; ++region)
    for (int i = 0; i < 50; ++i) batch.samples.push_back(sample(region));
  for (int i = 0; i < 3; ++i) {
    script_.push_back(batch);
    clock_.advance(std::chrono::seconds(1));
    engine_->tick();
    if (!migrator_.idle()) break;
  }
  ASSERT_FALSE(migrator_.idle());
  const auto calls = machine_.move_calls();
  machine_.use_cpu(Pid{42}, std::chrono::seconds(1));
  tick({});
  EXPECT_TRUE(migrator_.idle());
  EXPECT_EQ(machine_.move_calls(), calls);
  EXPECT_TRUE(migrator_.totals().requests.contains(MoveFate::kStale));
}

// Sums of what has moved by region, from the events.
std::map<std::uint64_t, std::uint64_t> moved_up(const Engine& engine) {
  std::map<std::uint64_t, std::uint64_t> bytes;
  for (const Event& event : engine.events().since(0, 10000))
    if (event.kind == "promoted") bytes[event.region_start] += event.bytes;
  return bytes;
}

// A tick comes while a call lasts: a plan is made all the same, around what moves.
TEST_F(EngineTest, PlansAreMadeWhileMovesAreUnderWay) {
  start(acting());
  const std::vector<int> hot = {3, 5, 7, 9, 11, 13};
  std::vector<std::uint64_t> plans;
  int calls = 0;
  machine_.on_move([&] {
    if (++calls > 4) return;
    plans.push_back(migrator_.totals().plans);
    SampleBatch batch;
    for (const int region : hot)
      for (int i = 0; i < 10; ++i) batch.samples.push_back(sample(region));
    batch.counters.taken = batch.counters.delivered = batch.samples.size();
    script_.push_back(std::move(batch));
    clock_.advance(std::chrono::seconds(1));
    engine_->tick();
  });
  for (int i = 0; i < 8; ++i) tick(hot);
  ASSERT_EQ(plans.size(), 4u);
  EXPECT_GE(plans.back() - plans.front(), 3u) << "one in each call";
  tick(hot), tick(hot);  // the last reports
  for (const int region : hot) EXPECT_EQ(node_of(region), 0) << region;
  const auto moved = moved_up(*engine_);
  EXPECT_EQ(moved.size(), hot.size());
  for (const auto& [start, bytes] : moved) EXPECT_EQ(bytes, kRegion) << "moved twice";
  const MigratorTotals& totals = migrator_.totals();
  EXPECT_TRUE(totals.pages.balanced());
  EXPECT_EQ(totals.promoted.value, hot.size() * kRegion);
  EXPECT_GT(totals.requests.at(MoveFate::kStale), 0u) << "withdrawn, and planned again";
  std::uint64_t reported = 0;
  for (const auto& [fate, count] : totals.requests) reported += count;
  const LedgerTotals& ledger = engine_->ledger().totals();
  EXPECT_EQ(ledger.planned, ledger.reported);
  EXPECT_EQ(ledger.reported, reported);
  EXPECT_EQ(engine_->state().totals.begin()->second.promoted.value, totals.promoted.value);
}

TEST_F(EngineTest, WhatIsUnderWayIsExplainedSo) {
  start(acting());
  std::string why;
  machine_.on_move([&] {
    if (why.empty()) why = engine_->standing({TargetId{1}, kBase + 3 * kRegion}).why;
  });
  for (int i = 0; i < 8; ++i) tick({3});
  EXPECT_EQ(why, "It is being moved to node 0.");
}

// A region's forecast, accesses a tick.
double forecast_of(const Engine& engine, int region) {
  const auto& regions = engine.state().snapshot.regions;
  for (std::size_t i = 0; i < regions.size(); ++i)
    if (regions[i].key.start == kBase + static_cast<Address>(region) * kRegion)
      return engine.state().forecasts.forecasts[i].horizons[0].mean;
  return -1;
}

// Calibration may find out late what samples mean. One that stands for 4 ms of waiting says some ten thousand
// accesses; the same one, taken for a count of what was executed in that time, a million.
TEST_F(EngineTest, WhenSamplesMeanSomethingElseDemandIsLearntAnew) {
  start({});
  const auto counted = [&] {
    SampleBatch batch;
    for (int i = 0; i < 10; ++i) {
      batch.samples.push_back(sample(3));
      batch.samples.back().meaning = WeightMeaning::kAccesses;
      batch.samples.back().weight = 1e6;
    }
    return batch;
  };
  for (int i = 0; i < 5; ++i) {
    script_.push_back(counted());
    clock_.advance(std::chrono::seconds(1));
    engine_->tick();
  }
  EXPECT_GT(forecast_of(*engine_, 3), 1e6);
  tick({3});
  const double fresh = forecast_of(*engine_, 3);
  EXPECT_GT(fresh, 0);
  EXPECT_LT(fresh, 1e6) << "nothing of the old unit is left";
  const auto events = engine_->events().since(0, 100);
  EXPECT_TRUE(std::any_of(events.begin(), events.end(), [](const Event& one) {
    return one.message.find("follow waiting time from now on") != std::string::npos;
  }));
}

TEST_F(EngineTest, SamplesWhoseCodeIsLookedAtLaterHideNoProgram) {
  start(acting());
  const TargetId job{1};
  const auto ticks = [&](const SampleBatch& batch) {
    for (int i = 0; i < 5; ++i) {
      machine_.use_cpu(Pid{42}, std::chrono::seconds(1));
      script_.push_back(batch);
      clock_.advance(std::chrono::seconds(1));
      engine_->tick();
    }
  };
  SampleBatch deferred;
  deferred.samples = {sample(3)};
  deferred.deferred.assign(499, job);
  ticks(deferred);
  EXPECT_EQ(engine_->sight().state(), SightState::kSees);
  EXPECT_TRUE(engine_->sight().unseen().empty());
  SampleBatch computing;
  computing.computing.assign(500, job);
  ticks(computing);
  EXPECT_EQ(engine_->sight().state(), SightState::kSees);
  EXPECT_TRUE(engine_->sight().unseen().empty()) << "a program that waits for nothing is seen all the same";
  SampleBatch undecoded;
  undecoded.samples = {sample(3)};
  undecoded.undecoded.assign(499, job);
  ticks(undecoded);
  EXPECT_EQ(engine_->sight().unseen(), std::set<TargetId>{job}) << "these were looked at and show nothing";
}

// A virtual machine beside a program: its CPU time yields no samples.
TEST_F(EngineTest, PagesOfAProgramThatIsNotSeenStayWhereTheyAre) {
  constexpr Address kElsewhere = 0x7e0000000000;
  machine_.spawn({.pid = 43,
                  .name = "guest",
                  .uid = 1000,
                  .mappings = {{.start = kElsewhere, .size = Bytes{8 * kRegion}, .node = 0, .huge = true}}});
  EngineSettings settings = acting();
  settings.targets.pids = {Pid{42}, Pid{43}};
  start(settings);
  std::vector<int> hot(14);
  std::iota(hot.begin(), hot.end(), 0);
  // Seen as a whole before anything is demoted: 50 samples promised, 5 s of CPU.
  for (int i = 0; i < 40; ++i) {
    for (const int pid : {42, 43}) machine_.use_cpu(Pid{pid}, std::chrono::seconds(5));
    tick(hot, i == 0 ? 10 : 4);
  }
  EXPECT_EQ(engine_->sight().unseen().size(), 1u);
  EXPECT_EQ(machine_.resident_on(Pid{43}, NodeId{0}).value, 8 * kRegion);
  const auto view = explain_view(*engine_, {.pid = 43, .address = kElsewhere});
  ASSERT_TRUE(view);
  EXPECT_NE(view->pinned.find("no access source sees"), std::string::npos) << view->pinned;
}

// The heat map prints where regions begin, which need not be mapped.
TEST_F(EngineTest, AnAddressBesideAMappingIsExplainedByItsRegion) {
  constexpr Address kElsewhere = 0x7f8000000000;
  machine_.spawn(
      {.pid = 43, .name = "other", .mappings = {{.start = kElsewhere + kRegion / 2, .size = 64_KiB}}});
  EngineSettings settings = acting();
  settings.targets.pids = {Pid{42}, Pid{43}};
  start(settings);
  tick({3});
  const auto beside = explain_view(*engine_, {.pid = 43, .address = kElsewhere});
  const auto within = explain_view(*engine_, {.pid = 43, .address = kElsewhere + kRegion / 2});
  ASSERT_TRUE(beside && within);
  EXPECT_FALSE(beside->mapped);
  EXPECT_TRUE(within->mapped);
  EXPECT_EQ(beside->region_start, within->region_start);
}

TEST_F(EngineTest, RepeatedTroubleIsToldOnceWithItsCount) {
  EngineSettings settings = acting();
  for (const int pid : {51, 52, 53}) {
    machine_.spawn({.pid = pid, .name = "other", .mappings = {{.start = kBase, .size = 64_MiB, .node = 1}}});
    machine_.hide_mappings(Pid{pid}, true);
    settings.targets.pids.push_back(Pid{pid});
  }
  start(settings);
  for (int i = 0; i < 12; ++i) tick({});
  int errors = 0;
  for (const auto& event : engine_->events().since(0, 1000)) errors += event.kind == "error" ? 1 : 0;
  EXPECT_EQ(errors, 1) << "three processes, tried again after 1, 2 and 4 seconds, one kind of trouble";
  const auto status = status_view(*engine_, "1", {});
  ASSERT_EQ(status.troubles.size(), 1u);
  EXPECT_EQ(status.troubles[0].count, 12u);
}

// A program that nobody watches takes whatever becomes free in the fast tier and keeps it.
TEST_F(EngineTest, AProgramThatIsNotWatchedDoesNotDriveAWatchedOneOutOfTheFastTier) {
  constexpr int kFast = 15;
  std::vector<int> used;
  for (int i = 0; i < kFast; ++i) {
    used.push_back(i);
    const Address start = kBase + static_cast<Address>(i) * kRegion;
    machine_.place(Pid{42}, {start, start + kRegion}, 0);
  }
  start(acting());
  Bytes taken;
  for (int i = 0; i < 20; ++i) {
    taken += machine_.free_on(NodeId{0});
    machine_.set_reserved(NodeId{0}, taken);
    tick(used);
  }
  EXPECT_EQ(machine_.resident_on(Pid{42}, NodeId{0}).value, kFast * kRegion);
}

}  // namespace
}  // namespace tier
