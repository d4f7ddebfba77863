#include "platform/linux/sampling/rate_control.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

RateInput one_busy_cpu() {
  RateInput in;
  in.samples_per_second = 250;
  in.interrupts_per_cpu = 250;
  in.ticks_per_cpu = 250;
  in.target_samples_per_second = 200;
  in.cpu_budget = 0.01;
  in.price = std::chrono::microseconds(5);
  in.cpus = 2;
  return in;
}

TEST(RateControl, TheTickIsRiddenFirst) { EXPECT_EQ(clock_frequency(one_busy_cpu()), 0); }

TEST(RateControl, ClockAddsWhatIsMissing) {
  RateInput in = one_busy_cpu();
  in.target_samples_per_second = 650;
  EXPECT_DOUBLE_EQ(clock_frequency(in), 400);
}

TEST(RateControl, SamplesThatDoNotDecodeAreMadeUpFor) {
  RateInput in = one_busy_cpu();
  in.usable_share = 0.5;  // 125 usable a second of 200 wished
  EXPECT_DOUBLE_EQ(clock_frequency(in), 150);
  in.usable_share = 0;
  EXPECT_DOUBLE_EQ(clock_frequency(in), 550) << "as if a quarter decoded";
}

TEST(RateControl, BudgetBoundsTheClock) {
  RateInput in = one_busy_cpu();
  in.target_samples_per_second = 5000;
  EXPECT_DOUBLE_EQ(clock_frequency(in), 0.01 / (5e-6 * 2));
  in.spent = 0.006;
  EXPECT_NEAR(clock_frequency(in), 0.004 / (5e-6 * 2), 1e-9);
  in.spent = 0.02;
  EXPECT_EQ(clock_frequency(in), 0);
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

TEST(RateControl, SettledRateStaysWhereItIs) {
  RateInput in = one_busy_cpu();
  in.target_samples_per_second = 650;
  in.samples_per_second = 650;  // with the clock at 400 Hz already
  in.interrupts_per_cpu = 650;
  EXPECT_DOUBLE_EQ(clock_frequency(in), 400);
  EXPECT_FALSE(worth_changing(400, 410));
  EXPECT_TRUE(worth_changing(400, 0));
  EXPECT_TRUE(worth_changing(400, 600));
}

TEST(RateControl, SleepingTargetsNeedNoClock) {
  RateInput in = one_busy_cpu();
  in.samples_per_second = 0;
  EXPECT_EQ(clock_frequency(in), 0);
}

TEST(RateControl, NeverCostsMoreThanTheBudget) {
  for (double target = 1; target < 1e6; target *= 3)
    for (int price_ns = 100; price_ns < 1000000; price_ns *= 3)
      for (unsigned cpus = 1; cpus <= 512; cpus *= 2) {
        RateInput in = one_busy_cpu();
        in.target_samples_per_second = target;
        in.price = Nanoseconds(price_ns);
        in.cpus = cpus;
        EXPECT_LE(clock_frequency(in) * seconds(in.price) * cpus, in.cpu_budget * 1.000001);
      }
}

}  // namespace
}  // namespace tier
