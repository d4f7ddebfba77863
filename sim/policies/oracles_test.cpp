// The bounds bound: no rival beats the better of the two oracles, and they use what they know.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "sim/machine/machine_fixture.h"
#include "sim/policies/need.h"
#include "sim/policies/policy_trial.h"
#include "sim/policies/waiting_bound.h"

namespace tier::sim {
namespace {

double best_of_oracles(Trial trial) {
  double best = std::numeric_limits<double>::infinity();
  for (const char* name : {"static-oracle", "epoch-oracle"})
    for (const PolicySettingsMap& settings : find_policy(name)->sweep) {
      trial.settings = settings;
      best = std::min(best, run(name, trial).seconds);
    }
  return best;
}

class EveryWorkload : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(
    Small, EveryWorkload,
    ::testing::Values(
        "gups-moving:footprint=512MiB,length=16s,threads=2,period=5s",
        "zipf:footprint=512MiB,length=12s,threads=2,period=2s,drift=0.1",
        "phases:footprint=512MiB,length=16s,threads=2,period=4s",
        "scan:footprint=512MiB,length=12s,threads=2,every=6s,rate=200MiB/s",
        "stencil:footprint=512MiB,length=16s,threads=2,period=4s",
        "chase:footprint=512MiB,length=8s,threads=2,rate=8GiB/s",
        "generational:footprint=512MiB,length=16s,threads=2,every=2s,use=4s",
        "bursts:footprint=512MiB,length=16s,threads=2,gap=4s", "stairs:footprint=512MiB,length=20s,threads=2",
        "training:footprint=512MiB,length=12s,threads=2,rate=4GiB/s",
        "gups:footprint=256MiB,length=8s,threads=2 + zipf:footprint=256MiB,length=10s,threads=2"));

TEST_P(EveryWorkload, NoRivalBeatsTheOracles) {
  const Trial small = trial(GetParam());
  const double bound = best_of_oracles(small);
  EXPECT_LE(bound, run("none", small).seconds);
  for (const PolicyEntry& entry : policy_table()) {
    if (entry.oracle) continue;
    EXPECT_GE(run(entry.name, small).seconds, 0.998 * bound) << entry.name;
  }
}

// Nobody, those who know the future included: that is what tells a bound from a good policy.
void expect_bound_holds(const Trial& trial, double at_most_below) {
  const auto bound = least_waiting(trial.machine, trial.workloads);
  ASSERT_TRUE(bound);
  double best = std::numeric_limits<double>::infinity();
  for (const PolicyEntry& entry : policy_table()) {
    const MachineTotals totals = run(entry.name, trial).totals;
    EXPECT_GE(totals.stall, *bound) << entry.name;
    best = std::min(best, totals.stall + totals.interference);
  }
  EXPECT_GT(*bound, at_most_below * best) << "as good as no bound";
}

TEST_P(EveryWorkload, NobodyPassesTheBound) { expect_bound_holds(trial(GetParam()), 0.6); }

TEST(WaitingBound, HoldsWhereTiersAreFull) {
  Trial full = trial("stencil:footprint=512MiB,length=8s,threads=16", 4);
  full.machine.tiers[0].bandwidth = 40e9;
  full.machine.tiers[1].bandwidth = 20e9;
  expect_bound_holds(full, 0.6);
  full.machine.tiers[0].background = 30e9;
  expect_bound_holds(full, 0.6);
}

TEST(WaitingBound, HoldsWhereTheUpperTierAnswersLater) {
  expect_bound_holds(trial("zipf:footprint=512MiB,length=8s,threads=8", 8, "xeon-max"), 0.9);
}

// Two regions of 1e6 and 2e6 loads, each waited for alone; 100 ns and 300 ns, room for one.
TEST(WaitingBound, IsThePlainSumWhereNothingIsLoaded) {
  const PlainWorkload program{{1e6F, 2e6F}, 0.5, 1, 1, 0, 10};
  const std::vector<WorkloadFactory> workloads = {
      [program]() -> Result<std::unique_ptr<Workload>> { return program.make(); }};
  EXPECT_NEAR(*least_waiting(plain_machine(1), workloads), 0.99 * 10 * (0.2 + 0.3), 0.02);
  EXPECT_NEAR(*least_waiting(plain_machine(2), workloads), 0.99 * 10 * 0.3, 0.02);
}

// One region, 1e8 loads in sequence of 100 ns or more: 640 MB/s of a tier that has 1 GB/s, where each takes
// 1 + 2 · (use - 0.5) times as long. Longest first: L = 1 + 2 · (0.64 / L - 0.5) has the root 1.131.
TEST(WaitingBound, FindsWhereTrafficAndLatencyAgree) {
  MachineDescription machine = plain_machine(2);
  machine.tiers[0].bandwidth = 1e9;
  machine.tiers[0].load_curve = {{0, 1}, {0.5, 1}, {1, 2}};
  machine.tiers[1] = machine.tiers[0];
  machine.tiers[1].latency = Nanoseconds{100'000};  // no way out
  const PlainWorkload program{{1e8F}, 0, 1, 1, 0, 1};
  const auto bound =
      least_waiting(machine, {[program]() -> Result<std::unique_ptr<Workload>> { return program.make(); }});
  const double root = std::sqrt(1.28);
  EXPECT_LE(*bound, 0.99 * 10 * root * 1.001);
  EXPECT_GE(*bound, 0.99 * 10 * (1 + 2 * (0.64 * (1 - 1.0 / 24) / root - 0.5)) * 0.99);
}

TEST(WaitingBound, WithThreeTiersEverythingLiesWhereItWaitsLeast) {
  const Trial three = trial("zipf:footprint=256MiB,length=5s,threads=2", 8, "hbm-ddr5-cxl");
  expect_bound_holds(three, 0.5);
}

TEST(Oracles, BoundTheRivalsWhereOthersLoadTheFastTier) {
  Trial loaded = trial("gups:footprint=512MiB,length=8s,threads=2,hot=0.25", 2);
  loaded.machine.tiers[0].bandwidth = 60e9;
  loaded.machine.tiers[0].background = 48e9;
  const double bound = best_of_oracles(loaded);
  for (const PolicyEntry& entry : policy_table()) {
    if (entry.oracle) continue;
    EXPECT_GE(run(entry.name, loaded).seconds, 0.998 * bound) << entry.name;
  }
  // And not by leaving everything slow.
  loaded.settings = {};
  const double share = run("static-oracle", loaded).fast_share;
  EXPECT_GT(share, 0.02);
  EXPECT_LT(share, 0.85);
}

TEST(StaticOracle, PutsWhatIsWaitedForFastAndNotWhatMissesMost) {
  const Outcome best = run("static-oracle", trial("chase:footprint=512MiB,length=8s,threads=2,rate=8GiB/s"));
  const Outcome none = run("none", trial("chase:footprint=512MiB,length=8s,threads=2,rate=8GiB/s"));
  EXPECT_LT(best.fast_share, none.fast_share);  // of the misses: the stream has most of them
  EXPECT_LT(best.totals.stall, 0.8 * none.totals.stall);
  EXPECT_EQ(best.totals.moves, 0U);
}

TEST(EpochOracle, FollowsWhatAFixedPlacementCannot) {
  const Trial moving = trial("gups-moving:footprint=512MiB,length=30s,threads=2,period=10s");
  const Outcome epoch = run("epoch-oracle", moving), fixed = run("static-oracle", moving);
  EXPECT_LT(epoch.seconds, 0.8 * fixed.seconds);
  EXPECT_GT(epoch.fast_share, 0.85);
  EXPECT_GT(epoch.totals.moves, 0U);
}

TEST(EpochOracle, PaysForItsMovesAndLeavesThoseThatDoNotPay) {
  Trial moving = trial("gups-moving:footprint=512MiB,length=30s,threads=2,period=10s");
  const Outcome cheap = run("epoch-oracle", moving);
  EXPECT_GT(cheap.totals.interference, 0);
  moving.machine.migration.copy_bandwidth = 1e5;  // twenty seconds a region
  EXPECT_EQ(run("epoch-oracle", moving).totals.moves, 0U);
}

TEST(Needs, CountWhatIsWaitedForNotWhatMisses) {
  WorkloadInfo info;
  info.streams = {{"chain", 0, 1, 0}, {"stream", 0, 10, 0.9}};
  Demand demand;
  demand.streams = {{{0, 100, 0, 0}}, {{1, 1000, 100, 0}}};
  MachineDescription machine = plain_machine(1);
  std::vector<Need> needs(4);
  add_needs(machine, info, demand, 2, 1, needs);
  EXPECT_DOUBLE_EQ(needs[1].accesses, 200);
  EXPECT_DOUBLE_EQ(needs[1].waited(), 200);
  EXPECT_NEAR(needs[2].accesses, 2 * (1000 + 0.3 * 100) / 10, 1e-6);
  EXPECT_NEAR(needs[2].waited(), 2 * (1000 + 0.3 * 100) * 0.1 / 10, 1e-6);
  EXPECT_NEAR(needs[1].bytes, 2 * 100 * 64, 1e-6);
  EXPECT_NEAR(needs[2].bytes, 2 * 64 * (1000 * 1.09 + 100 * 2), 1e-6);
  EXPECT_EQ(needs[0].accesses + needs[3].accesses, 0);
  machine.prefetch.on = false;
  std::vector<Need> bare(4);
  add_needs(machine, info, demand, 2, 1, bare);
  EXPECT_NEAR(bare[2].waited(), 2 * (1000 + 0.3 * 100) / 10, 1e-6);
}

TEST(LookAhead, SeesItsWindowAndSaysWhenItChanges) {
  const auto workloads = parsed("zigzag:footprint=64MiB,length=30s");
  LookAhead ahead(*workloads[0](), 0);
  EXPECT_TRUE(ahead.move(0, 4));
  EXPECT_EQ(ahead.size(), 4U);
  EXPECT_FALSE(ahead.move(5, 4)) << "all of the first ten seconds are alike";
  EXPECT_TRUE(ahead.move(8, 4)) << "two of the next four are not";
  std::vector<Need> needs(32), first(32);
  ahead.add(plain_machine(1), 0, 4, needs);
  ahead.add(plain_machine(1), 0, 2, first);
  EXPECT_GT(needs[0].accesses, 1.9 * needs[31].accesses);
  EXPECT_DOUBLE_EQ(first[0].accesses, first[31].accesses);
  ahead.move(28, 4);
  EXPECT_EQ(ahead.size(), 2U) << "the end is in sight";
}

}  // namespace
}  // namespace tier::sim
