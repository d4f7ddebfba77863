// The reactive loop end to end in a small simulated machine. These are the figures the defaults were chosen
// by; each test prints what it reached.
#include <gtest/gtest.h>

#include <cstdio>

#include "tierd/policy/loop_simulation.h"

namespace tier {
namespace {

constexpr int kSeeds = 3;

struct Outcome {
  double share_after_ten = 0, mean_share = 0;  // of the oracle's share
  double moves = 0, late_moves = 0;            // per run; late: from tick 40 on
  double returned = 0;                         // of all moves
  double stall = 0;                            // against touching nothing
};

Outcome run(LoopSettings settings, int ticks) {
  Outcome out;
  double stall = 0, untouched = 0, returned = 0;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    settings.seed = static_cast<std::uint32_t>(seed);
    LoopSimulation simulation(settings);
    for (int t = 1; t <= ticks; ++t) {
      const LoopTick tick = simulation.tick();
      out.mean_share += tick.share / tick.oracle / ticks / kSeeds;
      if (t == 11) out.share_after_ten += tick.share / tick.oracle / kSeeds;
      out.moves += tick.promotions + tick.demotions;
      if (t >= 40) out.late_moves += tick.promotions + tick.demotions;
      stall += tick.stall, untouched += tick.stall_untouched;
    }
    returned += simulation.returned();
  }
  out.returned = returned / std::max(1.0, out.moves);
  out.moves /= kSeeds, out.late_moves /= kSeeds;
  out.stall = stall / untouched;
  return out;
}

void print(const char* what, const Outcome& o) {
  std::printf(
      "%s: share of the oracle's after 10 ticks %.3f, on average %.3f; moves %.0f, of these from tick 40 on "
      "%.0f, returned %.1f %%; stall %.3f of untouched\n",
      what, o.share_after_ten, o.mean_share, o.moves, o.late_moves, 100 * o.returned, o.stall);
}

struct Shape {
  const char* name;
  std::size_t regions, fast_regions;
  double samples, move_seconds;
};

std::vector<Shape> shapes() {
  return {{"600 regions, 1:7, 200 samples/s, 1 ms", 600, 85, 200, 1e-3},
          {"600 regions, 1:7, 100 samples/s, 1 ms", 600, 85, 100, 1e-3},
          {"900 regions, 1:8, 200 samples/s, 1 ms", 900, 100, 200, 1e-3},
          {"900 regions, 1:8, 100 samples/s, 1 ms", 900, 100, 100, 1e-3},
          {"600 regions, 1:7, 200 samples/s, 10 ms", 600, 85, 200, 10e-3}};
}

LoopSettings settings_of(const Shape& shape) {
  LoopSettings settings;
  settings.regions = shape.regions;
  settings.fast_regions = shape.fast_regions;
  settings.samples_per_tick = shape.samples;
  settings.move_seconds = shape.move_seconds;
  return settings;
}

TEST(ClosedLoop, FindsAScatteredHotSetWithinTenTicksAndThenRests) {
  for (const Shape& shape : shapes()) {
    const Outcome outcome = run(settings_of(shape), 100);
    print(shape.name, outcome);
    EXPECT_GE(outcome.share_after_ten, 0.9) << shape.name;
    EXPECT_GE(outcome.mean_share, 0.95) << shape.name;
    EXPECT_LT(outcome.returned, 0.07) << shape.name;
    EXPECT_LT(outcome.late_moves, 40) << shape.name;
    EXPECT_LT(outcome.stall, 0.6) << shape.name;
  }
}

TEST(ClosedLoop, FollowsAHotSetThatMovesEveryTwentyTicks) {
  for (const Shape& shape : shapes()) {
    LoopSettings settings = settings_of(shape);
    settings.hot_moves_every = 20;
    const Outcome outcome = run(settings, 120);
    print((std::string("moving, ") + shape.name).c_str(), outcome);
    EXPECT_GE(outcome.mean_share, 0.8) << shape.name;
    EXPECT_LT(outcome.stall, 0.75) << shape.name;
  }
}

// Moves so slow that a plan takes longer than a tick.
Outcome run_slow_moves(double samples, double erratic_samples) {
  LoopSettings settings = settings_of({"", 425, 100, samples, 25e-3});
  settings.erratic_samples = erratic_samples;
  settings.hot = 60;
  settings.hot_moves_every = 20;
  settings.accesses_per_tick = 20e6;  // of twenty threads
  return run(settings, 120);
}

// Demotions are carried out whose winners come with the next plan, or never. That must not be held against
// later promotions.
TEST(ClosedLoop, FollowsAMovingHotSetWhereAPlanTakesLongerThanATick) {
  const Outcome outcome = run_slow_moves(150, 0);
  print("moving, 425 regions, 1:4, 150 samples/s, 25 ms", outcome);
  EXPECT_GE(outcome.mean_share, 0.85);
}

// Half of all samples hit one region, a stack say, and their number varies: that says nothing of the others.
TEST(ClosedLoop, FollowsAMovingHotSetBesideOneErraticRegion) {
  const Outcome outcome = run_slow_moves(75, 70);
  print("moving, 75 of 145 samples/s, 25 ms", outcome);
  EXPECT_GE(outcome.mean_share, 0.77);
}

TEST(ClosedLoop, LeavesAUniformWorkingSetLargerThanTheFastTierAlone) {
  for (const double samples : {50.0, 200.0, 2000.0}) {
    LoopSettings settings;
    settings.hot_share = 0;
    settings.samples_per_tick = samples;
    settings.move_seconds = 0.5e-3;
    const Outcome outcome = run(settings, 100);
    print("uniform", outcome);
    EXPECT_LE(outcome.moves, 6) << samples;
    EXPECT_LE(outcome.late_moves, 2) << samples;
    EXPECT_LE(outcome.stall, 1.005) << samples;
  }
}

// A phase too short to pay for its moves: the promise is at most 2 % worse than touching nothing.
TEST(ClosedLoop, NeverLosesMoreThanTwoPercentWhereMovesCannotPay) {
  LoopSettings settings;
  settings.hot_moves_every = 5;
  settings.move_seconds = 25e-3;
  settings.samples_per_tick = 50;
  const Outcome outcome = run(settings, 200);
  print("hot set moving every 5 ticks, moves of 25 ms", outcome);
  EXPECT_LE(outcome.stall, 1.02);
}

TEST(ClosedLoop, NoForecasterLosesMoreThanTwoPercentOnAUniformLoad) {
  LoopSettings settings;
  settings.hot_share = 0;
  settings.forecaster = "frequency-decay";
  const Outcome outcome = run(settings, 100);
  print("uniform, frequency-decay", outcome);
  EXPECT_LE(outcome.stall, 1.02);
}

TEST(ClosedLoop, TheSameSeedGivesTheSameRun) {
  LoopSettings settings;
  settings.hot_moves_every = 7;
  LoopSimulation a(settings), b(settings);
  for (int t = 0; t < 30; ++t) {
    const LoopTick one = a.tick(), two = b.tick();
    EXPECT_EQ(one.promotions, two.promotions);
    EXPECT_EQ(one.share, two.share);
  }
  EXPECT_EQ(a.ledger().totals().realised, b.ledger().totals().realised);
}

TEST(ClosedLoop, TheLedgerSeesWhatTheMovesEarned) {
  LoopSettings settings;
  LoopSimulation simulation(settings);
  double stall = 0, untouched = 0;
  for (int t = 0; t < 60; ++t) {
    const LoopTick tick = simulation.tick();
    stall += tick.stall, untouched += tick.stall_untouched;
  }
  const LedgerTotals& totals = simulation.ledger().totals();
  std::printf(
      "ledger: %.2f s saved over the scored horizons, truth over the whole run %.2f s; useful %llu, "
      "wasted %llu, harmful %llu\n",
      totals.saved().value, untouched - stall, static_cast<unsigned long long>(totals.useful),
      static_cast<unsigned long long>(totals.wasted), static_cast<unsigned long long>(totals.harmful));
  EXPECT_GT(totals.useful, 100u);
  EXPECT_LT(totals.wasted + totals.harmful, totals.useful / 2) << "scored by samples, so some are unlucky";
  EXPECT_GT(totals.demand_fast / totals.demand, 0.8);
  // 64 regions of 0.9 · 2e6 / 64 accesses a tick, 16 ticks, 150 ns; one in seven was fast from the start.
  EXPECT_NEAR(totals.realised.value, 0.9 * 2e6 * 16 * 150e-9 * 6 / 7, 0.6);
  EXPECT_LT(totals.realised.value, untouched - stall);
}

}  // namespace
}  // namespace tier
