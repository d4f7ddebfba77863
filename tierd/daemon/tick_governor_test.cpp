#include "tierd/daemon/tick_governor.h"

#include <gtest/gtest.h>

#include "tierd/daemon/tick_account.h"

namespace tier {
namespace {

using std::chrono::milliseconds;

constexpr Nanoseconds kSecond = std::chrono::seconds(1);

// A daemon whose tick costs `looking` for what is thinned and `fixed` for the rest; returns the mean share of
// a CPU over the last `last` of `ticks` intervals.
double run(TickGovernor& governor, Nanoseconds fixed, Nanoseconds looking, int ticks, int last) {
  Nanoseconds cpu{}, passed{};
  for (int i = 0; i < ticks; ++i) {
    const TickAllowance allowed = governor.allowance();
    const Nanoseconds used = fixed + looking / allowed.mapping_looks;
    const Nanoseconds time = kSecond * allowed.stretch;
    (void)governor.tick(used, time, {});
    if (i >= ticks - last) cpu += used, passed += time;
  }
  return seconds(cpu) / seconds(passed);
}

TEST(TickGovernor, LeavesACheapDaemonAlone) {
  TickGovernor governor({.cpu_limit = 0.10});
  EXPECT_NEAR(run(governor, milliseconds(20), milliseconds(60), 1000, 1000), 0.08, 1e-9);
  EXPECT_EQ(governor.level(), 0U);
  EXPECT_EQ(governor.story(), "");
  const TickAllowance allowed = governor.allowance();
  EXPECT_EQ(allowed.mapping_looks, 1U);
  EXPECT_EQ(allowed.stretch, 1U);
  EXPECT_EQ(allowed.fewer_places, 0U);
  EXPECT_TRUE(allowed.idle_work);
}

TEST(TickGovernor, AStartIsLookedAtInFull) {
  TickGovernor governor({.cpu_limit = 0.10});
  for (int i = 0; i < 10; ++i) EXPECT_EQ(governor.tick(milliseconds(300), kSecond, {}), std::nullopt);
  EXPECT_EQ(governor.level(), 0U);
  EXPECT_NE(governor.tick(milliseconds(300), kSecond, {}), std::nullopt);
  EXPECT_EQ(governor.level(), 1U);
}

TEST(TickGovernor, OneCostlyTickIsNoReason) {
  TickGovernor governor({.cpu_limit = 0.10});
  for (int i = 0; i < 30; ++i) EXPECT_EQ(governor.tick(milliseconds(20), kSecond, {}), std::nullopt);
  EXPECT_EQ(governor.tick(milliseconds(600), kSecond, {}), std::nullopt);
  EXPECT_EQ(governor.level(), 0U);
}

TEST(TickGovernor, HoldsTheLimitByLookingAtLess) {
  TickGovernor governor({.cpu_limit = 0.10});
  EXPECT_LE(run(governor, milliseconds(10), milliseconds(370), 600, 300), 0.10);
  EXPECT_LT(governor.level(), TickGovernor::kFirstStretch) << "the interval stays";
}

TEST(TickGovernor, HoldsTheLimitByRarerTicksAtLast) {
  TickGovernor governor({.cpu_limit = 0.10});
  EXPECT_LE(run(governor, milliseconds(380), {}, 600, 300), 0.10);
  EXPECT_GT(governor.allowance().stretch, 1U);
  EXPECT_NE(governor.story().find("ticks are 4 times as long"), std::string::npos) << governor.story();
}

TEST(TickGovernor, TellsWhenItBeginsAndWhenItEnds) {
  TickGovernor governor({.cpu_limit = 0.05});
  std::vector<std::string> told;
  for (int i = 0; i < 300; ++i)
    if (auto text = governor.tick(milliseconds(i < 60 ? 200 : 10), kSecond, {})) told.push_back(*text);
  ASSERT_EQ(told.size(), 2U);
  EXPECT_NE(told[0].find("more than the 5.0 % that daemon.cpu_limit"), std::string::npos) << told[0];
  EXPECT_NE(told[1].find("again"), std::string::npos) << told[1];
  EXPECT_EQ(governor.level(), 0U);
}

TEST(TickGovernor, WhereMoreIsAtStakeItMayCostMore) {
  TickGovernor governor;
  const auto limit_at = [&](double stake) {
    for (int i = 0; i < 120; ++i) (void)governor.tick(milliseconds(5), kSecond, StallSeconds{stake});
    return governor.limit();
  };
  EXPECT_NEAR(limit_at(0), 0.01, 1e-9);
  EXPECT_NEAR(limit_at(0.05), 0.01, 1e-9) << "a tenth of it is less";
  EXPECT_NEAR(limit_at(0.5), 0.05, 1e-4);
  EXPECT_NEAR(limit_at(60), 0.10, 1e-9) << "bounded, however much is at stake";
  TickGovernor generous({.cpu_limit = 0.30});
  (void)generous.tick(milliseconds(5), kSecond, StallSeconds{60});
  EXPECT_NEAR(generous.limit(), 0.30, 1e-9) << "but by what the administrator allows";
}

// A program has filled its memory for minutes and begins to wait for it.
TEST(TickGovernor, WhatIsAtStakeAllOfASuddenIsLookedAtAtOnce) {
  TickGovernor governor;
  for (int i = 0; i < 60; ++i) (void)governor.tick(milliseconds(30), kSecond, {});
  ASSERT_GT(governor.level(), 2U);
  const auto told = governor.tick(milliseconds(10), kSecond, StallSeconds{0.5});
  EXPECT_EQ(governor.level(), 0U);
  EXPECT_NE(told.value_or("").find("it looks at everything"), std::string::npos);
  for (int i = 0; i < 20; ++i) (void)governor.tick(milliseconds(30), kSecond, StallSeconds{0.5});
  EXPECT_EQ(governor.level(), 0U);
  for (int i = 0; i < 60; ++i) (void)governor.tick(milliseconds(30), kSecond, {});
  EXPECT_GT(governor.level(), 2U) << "and thinned again when nothing is";
}

TEST(TickGovernor, ThinsWhatIsDearBeforePlaces) {
  TickGovernor governor;
  for (int i = 0; governor.level() < 1; ++i) (void)governor.tick(milliseconds(30), kSecond, {});
  EXPECT_EQ(governor.allowance().sampling, 0.5);
  EXPECT_EQ(governor.allowance().fewer_places, 0U);
  while (governor.level() < TickGovernor::kFirstPlaces) (void)governor.tick(milliseconds(30), kSecond, {});
  EXPECT_EQ(governor.allowance().fewer_places, 1U);
}

TEST(TickGovernor, ALoadBetweenTwoLevelsSwingsEverMoreRarely) {
  TickGovernor governor({.cpu_limit = 0.10});
  const auto changes = [&](int ticks) {
    unsigned count = 0;
    for (int i = 0; i < ticks; ++i) {
      const unsigned before = governor.level();
      (void)governor.tick(milliseconds(150) / governor.allowance().mapping_looks, kSecond, {});
      count += governor.level() != before ? 1U : 0U;
    }
    return count;
  };
  (void)changes(3600);
  EXPECT_LE(changes(3600), 16U) << "a trial every ten minutes";
  EXPECT_LE(governor.average(), 0.10);
}

TEST(TickGovernor, AShortBurstIsForgottenAlthoughTheDaemonIsNotCheap) {
  TickGovernor governor({.cpu_limit = 0.10});
  for (int i = 0; i < 12; ++i) (void)governor.tick(milliseconds(300), kSecond, {});
  EXPECT_GT(governor.level(), 0U);
  EXPECT_LE(governor.level(), TickGovernor::kFirstStretch) << "time to see what a level is worth";
  for (int i = 0; i < 180; ++i) (void)governor.tick(milliseconds(70), kSecond, {});
  EXPECT_EQ(governor.level(), 0U);
}

TEST(TickGovernor, NewProcessesAreLookedForAtAnyLevel) {
  TickGovernor governor({.cpu_limit = 0.10});
  for (int i = 0; i < 300; ++i) (void)governor.tick(kSecond, kSecond, {});
  EXPECT_EQ(governor.level(), TickGovernor::kMostLevel);
  EXPECT_EQ(governor.allowance().rarer_scans, 4U);
}

TEST(TickGovernor, TimeThatStandsStillChangesNothing) {
  TickGovernor governor({.cpu_limit = 0.10});
  for (int i = 0; i < 100; ++i) EXPECT_EQ(governor.tick(kSecond, Nanoseconds(0), {}), std::nullopt);
  EXPECT_EQ(governor.level(), 0U);
  for (int i = 0; i < 100'000; ++i) (void)governor.tick(kSecond, milliseconds(1), {});
  EXPECT_EQ(governor.level(), TickGovernor::kMostLevel) << "bounded";
}

TEST(TickAccount, SaysWhatTicksTakeLately) {
  using std::chrono::milliseconds;
  TickAccount account;
  const TickPhases phases = {{"samples", milliseconds(20)}, {"plan", milliseconds(5)}};
  for (int tick = 0; tick < 200; ++tick)
    static_cast<void>(account.tick(milliseconds(25), std::chrono::seconds(1), phases));
  ASSERT_EQ(account.shares().size(), 2U);
  EXPECT_EQ(account.shares()[0].first, "samples");
  EXPECT_NEAR(account.shares()[0].second, 0.02, 1e-4);
  EXPECT_NEAR(account.shares()[1].second, 0.005, 1e-4);
  const TickPhases begun = {{"samples", milliseconds(20)}};
  for (int tick = 0; tick < 200; ++tick)
    static_cast<void>(account.tick(milliseconds(20), std::chrono::seconds(1), begun));
  EXPECT_NEAR(account.shares()[0].second, 0.02, 1e-4);
  EXPECT_NEAR(account.shares()[1].second, 0, 1e-4) << "ticks that ended before it";
  const TickPhases rest = {{"samples", {}}, {"plan", {}}};
  for (int tick = 0; tick < 30; ++tick) static_cast<void>(account.tick({}, std::chrono::seconds(1), rest));
  EXPECT_NEAR(account.shares()[0].second, 0.02 / 2.72, 1e-3) << "what is long ago fades";
}

TEST(TickAccount, CountsTicksThatTookLongerThanTheirInterval) {
  TickAccount account;
  EXPECT_EQ(account.tick(milliseconds(900), kSecond, {{"targets", milliseconds(800)}}), std::nullopt);
  EXPECT_EQ(account.late(), 0U);
  EXPECT_EQ(account.worst(), milliseconds(900));
  const auto told = account.tick(milliseconds(2670), kSecond,
                                 {{"targets", milliseconds(500)}, {"places", milliseconds(2100)}});
  EXPECT_EQ(told.value_or(""), "a tick took 2.67 s of an interval of 1.00 s, 2.10 s of it in \"places\"");
  EXPECT_EQ(account.tick(milliseconds(1500), kSecond, {}).value_or(""),
            "a tick took 1.50 s of an interval of 1.00 s");
  EXPECT_EQ(account.late(), 2U);
  EXPECT_EQ(account.worst(), milliseconds(2670));
  EXPECT_EQ(account.worst_phase(), "places");
}

}  // namespace
}  // namespace tier
