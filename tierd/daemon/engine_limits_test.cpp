// What a tick may look at, what the daemon may use, and what is told of both.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

#include "platform/fake/fake_process_watch.h"
#include "tierd/daemon/engine_fixture.h"
#include "tierd/daemon/views.h"

namespace tier {
namespace {

using std::chrono::milliseconds;

// The machine's, but each call takes its time, or is refused.
class SlowLocator final : public PageLocator {
 public:
  SlowLocator(const FakeMachine& machine, ManualClock& clock) : machine_(machine), clock_(clock) {}
  PageCall locate(Pid pid, std::span<const Address> pages) const override {
    ++calls;
    clock_.advance(takes);
    return refuses ? PageCall{-1, EPERM, {}} : machine_.locate(pid, pages);
  }

  mutable std::uint64_t calls = 0;
  Nanoseconds takes{};
  bool refuses = false;

 private:
  const FakeMachine& machine_;
  ManualClock& clock_;
};

class EngineLimits : public EngineTest {
 protected:
  EngineLimits() : slow_(machine_, clock_) { locator_ = &slow_; }

  std::vector<Event> events(const std::string& kind) const {
    std::vector<Event> out;
    for (const Event& event : engine_->events().since(0, 10'000))
      if (event.kind == kind) out.push_back(event);
    return out;
  }
  StatusView status() const { return status_view(*engine_, "test", {}); }
  // Ticks in each of which the daemon uses so much CPU time.
  void spend(int ticks, Nanoseconds cpu) {
    machine_.set_thread_step(cpu);
    for (int i = 0; i < ticks; ++i) tick({3});
  }

  SlowLocator slow_;
};

TEST_F(EngineLimits, AskingForPlacesEndsByTimeToo) {
  slow_.takes = milliseconds(20);  // of an interval of a second a twentieth may be used
  start({});
  tick({1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_EQ(slow_.calls, 3U) << "the third call ends after 60 ms";
  for (int i = 0; i < 40; ++i) tick({1, 2, 3, 4, 5, 6, 7, 8});
  EXPECT_DOUBLE_EQ(status().located_demand_share.value_or(0), 1.0) << "what was left out comes in its turn";
}

TEST_F(EngineLimits, ALateTickIsToldOnceAndCounted) {
  slow_.takes = milliseconds(2500);
  start({});
  for (int i = 0; i < 5; ++i) {
    tick({3 + i});
    clock_.advance(std::chrono::minutes(5));  // until the budget for places pays for one more
  }
  const auto late = events("late");
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(late[0].message, "a tick took 2.50 s of an interval of 1.00 s, 2.50 s of it in \"places\"");
  EXPECT_GE(status().late_ticks, 2U);
  EXPECT_EQ(status().worst_tick_phase, "places");
  EXPECT_DOUBLE_EQ(status().worst_tick_seconds, 2.5);
  ASSERT_FALSE(status().troubles.empty());
  EXPECT_EQ(status().troubles[0].count, status().late_ticks);
}

TEST_F(EngineLimits, ADaemonAboveItsLimitLooksAtLessUntilItIsBelow) {
  start({});
  spend(20, milliseconds(5));
  EXPECT_TRUE(events("limit").empty());
  EXPECT_EQ(status().thinning, "");
  spend(60, milliseconds(500));
  EXPECT_EQ(events("limit").size(), 1U);
  EXPECT_NE(status().thinning, "");
  EXPECT_EQ(engine_->governor().level(), TickGovernor::kMostLevel);
  EXPECT_LT(source_->budget_share(), 0.1);
  EXPECT_GE(engine_->tick_length(), 16 * engine_->settings().interval);
  EXPECT_FALSE(engine_->idle_work());
  slow_.calls = 0;
  tick({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, 1);
  EXPECT_LE(slow_.calls, 16U) << "of 512";
  spend(300, milliseconds(1));
  EXPECT_EQ(events("limit").size(), 2U);
  EXPECT_EQ(status().thinning, "");
  EXPECT_DOUBLE_EQ(source_->budget_share(), 1);
}

TEST_F(EngineLimits, WhatSamplesCostProgramsCounts) {
  start({});
  spend(40, milliseconds(5));
  EXPECT_EQ(status().thinning, "");
  source_->cpu_share = 0.02;
  spend(40, milliseconds(5));
  EXPECT_NE(status().thinning, "");
  EXPECT_LT(source_->budget_share(), 1);
}

TEST_F(EngineLimits, TimeAtCodeThatIsNotKnownYetIsAtStake) {
  start({});
  source_->rate = 250;
  machine_.set_thread_step(milliseconds(15));
  for (int i = 0; i < 40; ++i) tick({3});
  EXPECT_NE(status().thinning, "");
  SampleBatch late;
  late.deferred.assign(125, engine_->targets().targets()[0].id);  // half a second
  script_.push_back(late);
  clock_.advance(std::chrono::seconds(1));
  engine_->tick();
  EXPECT_EQ(status().thinning, "");
  EXPECT_NEAR(status().cpu_limit, 0.05, 1e-2);
}

// Nobody waits for it yet, but where it lands is decided now.
TEST_F(EngineLimits, MemoryThatIsFilledForTheFirstTimeIsAtStake) {
  start({});
  machine_.set_thread_step(milliseconds(15));
  for (int i = 0; i < 40; ++i) tick({3}, 1);
  ASSERT_NE(status().thinning, "");
  machine_.map(Pid{42}, {.start = kBase + 100 * kRegion, .size = Bytes{40 * kRegion}, .node = 1});
  for (int i = 0; i < 8; ++i) tick({3}, 1);
  EXPECT_EQ(status().thinning, "");
  for (int i = 0; i < 100; ++i) tick({3}, 1);
  EXPECT_NE(status().thinning, "") << "it grows no more";
}

TEST_F(EngineLimits, WhereMuchIsAtStakeMoreMayBeUsed) {
  start({});  // observe mode: what is hot stays on the slow node
  machine_.set_thread_step(milliseconds(15));
  for (int i = 0; i < 60; ++i) tick({3, 17}, 100);  // 0.8 of a second is waited for
  EXPECT_EQ(status().thinning, "");
  EXPECT_GT(status().cpu_limit, 0.015);
  for (int i = 0; i < 200; ++i) tick({3}, 1);
  EXPECT_DOUBLE_EQ(status().cpu_limit, 0.01);
  EXPECT_NE(status().thinning, "");
}

// Nothing ran and nothing was sampled: what lies where, and what it was worth, is as it was.
TEST_F(EngineLimits, WhereNothingRunsMostTicksOnlyLook) {
  FakeProcessWatch watch(machine_);
  watch_ = &watch;
  start({});
  for (int i = 0; i < 8; ++i) tick({3, 17});
  for (int i = 0; i < 8; ++i) tick({});
  const auto concluded = [&] { return engine_->state().snapshot.tick.value; };
  int conclusions = 0;
  for (int i = 0; i < 64; ++i) {
    const std::uint64_t before = concluded();
    tick({});
    conclusions += concluded() != before ? 1 : 0;
  }
  EXPECT_EQ(conclusions, 16) << "every fourth";
  tick({3});
  EXPECT_EQ(concluded(), engine_->state().ticks) << "at once when something is sampled";
  for (int i = 0; i < 16; ++i) tick({});
  machine_.use_cpu(Pid{42}, milliseconds(1));
  conclusions = 0;
  for (int i = 0; i < 17; ++i) {
    tick({});
    conclusions += concluded() == engine_->state().ticks ? 1 : 0;
  }
  EXPECT_GE(conclusions, 9) << "seen within eight ticks, and looked at for as long";
}

TEST_F(EngineLimits, WhereNothingRunsProcessesAreNotLookedAt) {
  FakeProcessWatch watch(machine_);
  watch_ = &watch;
  start({});
  for (int i = 0; i < 24; ++i) tick({});
  const std::uint64_t before = watch.state().looks;
  for (int i = 0; i < 64; ++i) tick({});
  EXPECT_EQ(watch.state().looks - before, 16U) << "in every fourth tick";
  machine_.exit(Pid{42});
  tick({});
  EXPECT_TRUE(engine_->targets().targets().empty()) << "but at once when one ends";
}

TEST_F(EngineLimits, MappingsAreReadInTurnAboveTheLimit) {
  start({});
  spend(60, milliseconds(500));
  const Bytes before = engine_->tracker().mapped();
  machine_.map(Pid{42}, {.start = kBase + 100 * kRegion, .size = Bytes{4 * kRegion}, .node = 1});
  tick({3});
  std::uint64_t waited = 1;
  for (; engine_->tracker().mapped() == before && waited < 1000; ++waited) spend(1, milliseconds(500));
  EXPECT_GT(waited, 1U) << "not at the next tick";
  EXPECT_LE(waited, 128U) << "but within a turn";
}

TEST_F(EngineLimits, AReloadSetsTheLimit) {
  start({});
  EngineSettings settings;
  settings.targets.pids = {Pid{42}};
  settings.governor.cpu_limit = 0.9;
  ASSERT_TRUE(engine_->apply(settings));
  EXPECT_DOUBLE_EQ(status().cpu_limit, 0.9);
  spend(60, milliseconds(500));
  EXPECT_EQ(status().thinning, "");
}

TEST_F(EngineLimits, WhatWasNotLookedAtIsUnknown) {
  slow_.refuses = true;
  start({});
  tick({1, 2, 3});
  const StatusView blind = status();
  EXPECT_GT(blind.held_bytes, 0U);
  EXPECT_EQ(blind.located_bytes, 0U);
  for (const TierView& tier : blind.tiers) EXPECT_EQ(tier.resident_bytes, std::nullopt);
  EXPECT_EQ(blind.hit_share, std::nullopt);
  EXPECT_DOUBLE_EQ(blind.located_demand_share.value_or(-1), 0);
  const TopRow hidden = top_view(*engine_, {}).rows.at(0);
  EXPECT_EQ(hidden.fast_bytes, std::nullopt);
  EXPECT_EQ(hidden.hit_share, std::nullopt);
  const auto explained = explain_view(*engine_, {.pid = 42, .address = kBase + 20 * kRegion});
  ASSERT_TRUE(explained);
  EXPECT_FALSE(explained->tracked);

  slow_.refuses = false;
  for (int i = 0; i < 5; ++i) tick({11, 12, 13});
  EXPECT_EQ(status().tiers[1].resident_bytes.value_or(0), status().located_bytes);
  EXPECT_EQ(top_view(*engine_, {}).rows.at(0).fast_bytes, std::optional<std::uint64_t>(0));
  EXPECT_DOUBLE_EQ(status().hit_share.value_or(-1), 0);
}

TEST_F(EngineLimits, HeatMapColumnsCarryTheTimeTheyCover) {
  slow_.takes = milliseconds(9000);
  start({});
  for (int i = 0; i < 3; ++i) tick({3});
  const HeatmapView view = heatmap_view(*engine_, {.pid = 0, .max_rows = 10, .max_ticks = 10});
  ASSERT_EQ(view.seconds.size(), 3U);
  EXPECT_DOUBLE_EQ(view.seconds[0], 1.0);
  EXPECT_DOUBLE_EQ(view.seconds[1], 10.0) << "the tick before took nine seconds";
}

TEST_F(EngineLimits, StatusNamesTheForecasterThatForecasts) {
  make_forecaster_ = [](const std::string& name) {
    return make_forecaster(name == kLearnedForecaster ? "switch" : name);  // a model that was refused
  };
  EngineSettings settings;
  settings.forecaster = kLearnedForecaster;
  start(settings);
  EXPECT_EQ(status().forecaster, "switch");
}

}  // namespace
}  // namespace tier
