#include "platform/linux/sampling/settled_rate.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

using std::chrono::microseconds;

constexpr Nanoseconds kSample = microseconds(2);
constexpr ClockReach kThread{1, 1, 0}, kNoThread{};

// One thread that is always busy, and as many samples wanted as the budget buys.
RateInput one_busy_thread() {
  RateInput in;
  in.busy_cpus = 1;
  in.ticks_per_cpu = 250;
  in.target_samples_per_second = 1e6;
  in.cpu_budget = 0.01;
  in.stake = 100;
  in.price = microseconds(5);
  return in;
}

ClockReach cpus(double online) { return {1, online, 0}; }

TEST(SettledRate, TheBudgetPaysTheSamplesAndTheInterrupts) {
  const SettledRate settled = settled_rate(one_busy_thread(), kSample, kThread, cpus(64));
  EXPECT_TRUE(settled.clock.on_tasks);
  // 250 ticks and f events at 2 us each, and f interrupts at 5 us, are 1 % of a CPU.
  EXPECT_NEAR(settled.clock.frequency, (0.01 - 250 * 2e-6) / 7e-6, 1e-3);
  EXPECT_NEAR(settled.usable, 250 + settled.clock.frequency, 1e-6);
  EXPECT_EQ(settled.stride, 1U);
}

TEST(SettledRate, EventsOnCpusPayForAllOfThem) {
  const SettledRate settled = settled_rate(one_busy_thread(), kSample, kNoThread, cpus(64));
  EXPECT_FALSE(settled.clock.on_tasks);
  EXPECT_NEAR(settled.clock.frequency, (0.01 - 250 * 2e-6) / (64 * 5e-6 + 2e-6), 1e-3);
  const SettledRate crowd = settled_rate(one_busy_thread(), kSample, kNoThread, cpus(512));
  EXPECT_EQ(crowd.clock.frequency, 0) << "3.7 Hz are not worth an event";
  EXPECT_DOUBLE_EQ(crowd.usable, 250);
}

TEST(SettledRate, WhatTheDaemonSpendsNowDoesNotCount) {
  RateInput in = one_busy_thread();
  const double usable = settled_rate(in, kSample, kThread, cpus(2)).usable;
  in.spent = 0.009;
  EXPECT_DOUBLE_EQ(settled_rate(in, kSample, kThread, cpus(2)).usable, usable);
}

TEST(SettledRate, SettledMeansThatTheControlGrantsJustThat) {
  for (int sample_us = 1; sample_us < 40; sample_us += 3)
    for (const double online : {1.0, 2.0, 64.0}) {
      RateInput in = one_busy_thread();
      const SettledRate settled = settled_rate(in, microseconds(sample_us), kNoThread, cpus(online));
      if (settled.clock.frequency == 0) continue;
      in.spent = settled.usable * sample_us * 1e-6;
      EXPECT_NEAR(clock_frequency(in, cpus(online)) / settled.clock.frequency, 1, 1e-6);
    }
}

TEST(SettledRate, OnlySamplesThatDecodeAreCounted) {
  RateInput in = one_busy_thread();
  const double all = settled_rate(in, kSample, kThread, cpus(2)).usable;
  in.usable_share = 0.5;
  EXPECT_NEAR(settled_rate(in, kSample, kThread, cpus(2)).usable, all / 2, 1e-6);
}

TEST(SettledRate, TicksBeyondTheBudgetAreThinned) {
  RateInput in = one_busy_thread();
  in.busy_cpus = 64;
  const SettledRate settled = settled_rate(in, microseconds(30), kThread, cpus(64));
  EXPECT_EQ(settled.stride, 48U);
  EXPECT_EQ(settled.clock.frequency, 0);
  EXPECT_DOUBLE_EQ(settled.usable, 64 * 250 / 48.0);
}

}  // namespace
}  // namespace tier
