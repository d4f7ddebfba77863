#include "platform/linux/sampling/rate_control.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

RateInput one_busy_cpu() {
  RateInput in;
  in.busy_cpus = 1;
  in.ticks_per_cpu = 250;
  in.target_samples_per_second = 200;
  in.cpu_budget = 0.01;
  in.stake = 100;
  in.price = std::chrono::microseconds(5);
  return in;
}

// Of two CPUs one runs a target.
constexpr ClockReach kCpus{1, 2, 0};
constexpr ClockReach kTasks{1, 1, 0};

TEST(RateControl, TheTickIsRiddenFirst) { EXPECT_EQ(clock_frequency(one_busy_cpu(), kTasks), 0); }

TEST(RateControl, ClockAddsWhatIsMissing) {
  RateInput in = one_busy_cpu();
  in.target_samples_per_second = 650;
  EXPECT_DOUBLE_EQ(clock_frequency(in, kTasks), 400);
  EXPECT_DOUBLE_EQ(clock_frequency(in, {0.5, 0.5, 0}), 800) << "half of what runs can have it";
}

TEST(RateControl, SamplesThatDoNotDecodeAreMadeUpFor) {
  RateInput in = one_busy_cpu();
  in.usable_share = 0.5;  // 125 usable a second of 200 wished
  EXPECT_DOUBLE_EQ(clock_frequency(in, kTasks), 150);
  in.usable_share = 0;
  EXPECT_DOUBLE_EQ(clock_frequency(in, kTasks), 550) << "as if a quarter decoded";
}

TEST(RateControl, BudgetBoundsTheClock) {
  RateInput in = one_busy_cpu();
  in.target_samples_per_second = 5000;
  EXPECT_DOUBLE_EQ(clock_frequency(in, kCpus), 0.01 / (5e-6 * 2));
  in.spent = 0.006;
  EXPECT_NEAR(clock_frequency(in, kCpus), 0.004 / (5e-6 * 2), 1e-9);
  EXPECT_NEAR(clock_frequency(in, {1, 1, 0.002}), 0.002 / 5e-6, 1e-9)
      << "what events cost at any frequency counts";
  in.spent = 0.02;
  EXPECT_EQ(clock_frequency(in, kCpus), 0);
}

TEST(RateControl, MoreSamplesMustBeWorthTheirPrice) {
  RateInput in = one_busy_cpu();
  in.target_samples_per_second = 5000;
  in.stake = 0.1;
  EXPECT_DOUBLE_EQ(clock_frequency(in, kTasks), kStakeShare * 0.1 / 5e-6);
  in.stake = 0;
  EXPECT_EQ(clock_frequency(in, kTasks), 0) << "all lies where it should";
}

TEST(RateControl, NoProgramPaysMoreThanItsShare) {
  RateInput in = one_busy_cpu();
  in.target_samples_per_second = 1e6;
  in.cpu_budget = 0.03;
  EXPECT_DOUBLE_EQ(clock_frequency(in, kTasks), kOwnShare / 5e-6);
  in.busy_cpus = 0.1;  // it rests most of the time
  EXPECT_DOUBLE_EQ(clock_frequency(in, {0.1, 0.1, 0}), kOwnShare / 5e-6);
}

TEST(RateControl, EventsAreWhereTheyGiveMost) {
  RateInput in = one_busy_cpu();
  in.target_samples_per_second = 5000;
  EXPECT_TRUE(better_on_tasks(in, {1, 1, 0}, {1, 64, 0}, false)) << "63 CPUs run something else";
  EXPECT_TRUE(better_on_tasks(in, {1, 1, 0}, {1, 1, 0}, false));
  EXPECT_FALSE(better_on_tasks(in, {0.2, 0.2, 0}, {1, 2, 0}, false))
      << "most threads change places too often";
  EXPECT_FALSE(better_on_tasks(in, {0, 0, 0}, {1, 2, 0}, true)) << "none is known";
  in.price = std::chrono::microseconds(15);
  const ClockReach nearly{0.9, 0.95, 0}, all{1, 1, 0};
  EXPECT_FALSE(better_on_tasks(in, nearly, all, false));
  EXPECT_TRUE(better_on_tasks(in, nearly, all, true)) << "no change for so little";
}

TEST(RateControl, TheChoiceIsTheFrequencyOfTheBetterPlace) {
  RateInput in = one_busy_cpu();
  in.target_samples_per_second = 5000;
  const ClockChoice crowded = choose_clock(in, kTasks, {1, 64, 0}, false);
  EXPECT_TRUE(crowded.on_tasks);
  EXPECT_DOUBLE_EQ(crowded.frequency, clock_frequency(in, kTasks));
  const ClockChoice restless = choose_clock(in, {0, 0, 0}, kCpus, true);
  EXPECT_FALSE(restless.on_tasks) << "no thread can have an event";
  EXPECT_DOUBLE_EQ(restless.frequency, clock_frequency(in, kCpus));
}

TEST(RateControl, ManyBusyCpusAreThinnedIntoTheBudget) {
  EXPECT_EQ(tick_stride(250 * 30e-6, 0.01, 1), 1U);
  EXPECT_EQ(tick_stride(64 * 250 * 30e-6, 0.01, 1), 48U);
  EXPECT_EQ(tick_stride(64 * 250 * 35e-6, 0.01, 48), 48U) << "near enough";
  EXPECT_EQ(tick_stride(250 * 30e-6, 0.01, 48), 1U) << "most of them went to sleep";
  EXPECT_EQ(tick_stride(0, 0.01, 48), 1U);
  EXPECT_EQ(tick_stride(1e9, 0.01, 1), 1000U);
  for (double unthinned = 1e-5; unthinned < 9; unthinned *= 1.3) {
    const unsigned stride = tick_stride(unthinned, 0.01, 1);
    EXPECT_EQ(tick_stride(unthinned, 0.01, stride), stride) << "settles at once";
    EXPECT_LE(unthinned / stride, 1.5 * 0.01);
  }
}

TEST(RateControl, SmallChangesAreLeftOut) {
  EXPECT_FALSE(worth_changing(400, 410));
  EXPECT_TRUE(worth_changing(400, 0));
  EXPECT_TRUE(worth_changing(400, 600));
}

TEST(RateControl, SleepingTargetsNeedNoClock) {
  RateInput in = one_busy_cpu();
  in.busy_cpus = 0;
  EXPECT_EQ(clock_frequency(in, kTasks), 0);
}

TEST(RateControl, NeverCostsMoreThanTheBudget) {
  for (double target = 1; target < 1e6; target *= 3)
    for (int price_ns = 100; price_ns < 1000000; price_ns *= 3)
      for (unsigned cpus = 1; cpus <= 512; cpus *= 2) {
        RateInput in = one_busy_cpu();
        in.target_samples_per_second = target;
        in.price = Nanoseconds(price_ns);
        const ClockReach reach{1, static_cast<double>(cpus), 0.001};
        const double frequency = clock_frequency(in, reach);
        EXPECT_LE(frequency * seconds(in.price) * cpus,
                  in.cpu_budget * 1.000001 - (frequency > 0 ? reach.spent : 0));
      }
}

}  // namespace
}  // namespace tier
