#include "sim/machine/sampling.h"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/machine/machine_fixture.h"

namespace tier::sim {
namespace {

struct Rig {
  explicit Rig(const PlainWorkload& program, std::uint64_t fast = 1)
      : machine(plain_machine(fast), workloads(program), placer) {
    started = machine.start().has_value();
  }
  FirstTouch placer;
  Machine machine;
  bool started = false;
};

// Half the time computing, half waiting: 2.5e6 misses at 100 ns and as many seconds at 300 ns.
PlainWorkload half_waiting() { return {{2.5e6F, 2.5e6F / 3}, 0.5, 1, 1, 0, 1000}; }

double weight_of(const std::vector<SampledAccess>& samples, Region region) {
  double sum = 0;
  for (const auto& sample : samples) sum += sample.region == region ? sample.weight : 0;
  return sum;
}

TEST(StallSampler, WeightsAreTheSecondsWaited) {
  Rig rig(half_waiting());
  ASSERT_TRUE(rig.started);
  StallSampler sampler({1000, 1.0, 0, Nanoseconds{0}}, 7);
  rig.machine.attach(sampler);
  rig.machine.advance(std::chrono::seconds(20));
  const auto samples = sampler.take();
  EXPECT_NEAR(static_cast<double>(sampler.counters().taken), 20'000, 1);
  // 5 s on each region; four standard deviations of a binomial count are 0.25 s. While the program computes
  // it uses what it has at hand, the first region.
  EXPECT_NEAR(weight_of(samples, 0), 5 + 10, 0.3);
  EXPECT_NEAR(weight_of(samples, 1), 5, 0.3);
}

TEST(StallSampler, WhatDoesNotDecodeIsCounted) {
  Rig rig(half_waiting());
  ASSERT_TRUE(rig.started);
  StallSampler sampler({1000, 0.5, 0, Nanoseconds{0}}, 7);
  rig.machine.attach(sampler);
  rig.machine.advance(std::chrono::seconds(20));
  EXPECT_NEAR(static_cast<double>(sampler.counters().undecoded), 10'000, 300);
  EXPECT_EQ(sampler.counters().undecoded + sampler.counters().delivered, sampler.counters().taken);
}

TEST(StallSampler, ThinningKeepsTheWeightAndChargesLess) {
  Rig rig(half_waiting());
  ASSERT_TRUE(rig.started);
  StallSampler sampler({1000, 1.0, 100, std::chrono::microseconds(1)}, 7);
  rig.machine.attach(sampler);
  rig.machine.advance(std::chrono::seconds(20));
  const auto samples = sampler.take();
  EXPECT_NEAR(static_cast<double>(sampler.counters().taken), 2000, 2);
  EXPECT_NEAR(weight_of(samples, 0) + weight_of(samples, 1), 20, 0.1);
  EXPECT_NEAR(rig.machine.totals().interference, static_cast<double>(sampler.counters().delivered) * 1e-6,
              1e-9);
}

TEST(MissSampler, CountsEventsOnItsTiersOnly) {
  Rig rig(half_waiting());
  ASSERT_TRUE(rig.started);
  MissSampler everything({1000, ~0U, 0, 1e9, Nanoseconds{0}}, 3), slow({1000, 2, 0, 1e9, Nanoseconds{0}}, 3);
  rig.machine.attach(everything);
  rig.machine.attach(slow);
  rig.machine.advance(std::chrono::seconds(5));
  const auto all = everything.take(), far = slow.take();
  EXPECT_NEAR(weight_of(all, 0), 12.5e6, 0.6e6);
  EXPECT_NEAR(weight_of(all, 1), 12.5e6 / 3, 0.3e6);
  EXPECT_EQ(weight_of(far, 0), 0);
  EXPECT_NEAR(weight_of(far, 1), 12.5e6 / 3, 0.3e6);
}

// A chain and a stream whose lines prefetchers fetch nine times in ten, one region each, as many loads.
Machine with_stream(Placer& placer, double lead, double load_factor) {
  WorkloadInfo info;
  info.regions = 2;
  info.targets = {{"program", 1}};
  info.streams = {{"chain", 0, 1, 0}, {"stream", 0, 10, 0.9}};
  Interval interval;
  interval.duration = std::chrono::seconds(1);
  interval.compute = {0};
  interval.demand = std::make_shared<const Demand>(Demand{{{{0, 1e6F, 0, 0}}, {{1, 1e6F, 0, 0}}}});
  std::vector<Interval> all(1000, interval);
  all[0].events = {{RegionChange::kAllocate, 0, 0, 2, 0x40000000, PageKind::kHuge}};
  std::vector<std::unique_ptr<Workload>> workloads;
  workloads.push_back(std::make_unique<WrittenWorkload>(info, std::move(all)));
  MachineDescription description = plain_machine(2);
  description.prefetch.lead = lead;
  description.tiers[0].load_curve = {{0, load_factor}, {1, load_factor}};
  return Machine(std::move(description), std::move(workloads), placer);
}

TEST(MissSampler, LinesPrefetchedInTimeRetireAsHits) {
  FirstTouch placer;
  Machine machine = with_stream(placer, 1.5, 1);
  ASSERT_TRUE(machine.start());
  MissSampler retired({.period = 500, .most_per_second = 1e9}, 3);
  MissSampler memory({.period = 500, .most_per_second = 1e9, .loads = MissEvent::kLoads}, 3);
  machine.attach(retired);
  machine.attach(memory);
  machine.advance(std::chrono::seconds(2));
  const auto seen = retired.take(), served = memory.take();
  EXPECT_NEAR(weight_of(seen, 1) / weight_of(seen, 0), 0.1, 0.02);
  EXPECT_NEAR(weight_of(served, 1) / weight_of(served, 0), 1, 0.06);
}

TEST(MissSampler, LinesPrefetchedLateCountByWhatIsWaitedFor) {
  FirstTouch placer;
  Machine machine = with_stream(placer, 1, 2);  // half of the latency is left
  ASSERT_TRUE(machine.start());
  MissSampler retired({.period = 500, .most_per_second = 1e9}, 3);
  machine.attach(retired);
  machine.advance(std::chrono::seconds(2));
  const auto seen = retired.take();
  EXPECT_NEAR(weight_of(seen, 1) / weight_of(seen, 0), 1 - 0.9 * 0.5, 0.05);
}

TEST(WithinBudget, SamplesTakeTheirShareOfACpuAndNoMore) {
  Rig rig(half_waiting());
  ASSERT_TRUE(rig.started);
  // 3.3e6 misses a second would be 33,000 samples; a hundredth of a CPU pays for 6,667.
  MissSampler misses(within_budget({.period = 100, .store_period = 100}, {0.01}), 3);
  rig.machine.attach(misses);
  rig.machine.advance(std::chrono::seconds(10));
  EXPECT_NEAR(rig.machine.totals().interference, 0.01 * 10, 1e-3);
  EXPECT_NEAR(static_cast<double>(misses.counters().delivered), 0.01 * 10 / 1.5e-6, 10);
  EXPECT_GT(misses.counters().lost, 200'000U);
}

TEST(WithinBudget, StallSamplesHaveTheSameShare) {
  Rig rig(half_waiting());
  ASSERT_TRUE(rig.started);
  StallSampler stalls(within_budget({.rate = 10'000, .decoded = 0.5}, {0.01}), 3);
  rig.machine.attach(stalls);
  rig.machine.advance(std::chrono::seconds(10));
  EXPECT_NEAR(static_cast<double>(stalls.counters().taken), 0.01 * 10 / 5e-6, 10);
  EXPECT_NEAR(rig.machine.totals().interference, 0.01 * 10, 0.005);
}

// Either kind gives as many samples as the count allows, each at its own price, and the lower bound holds.
TEST(WithinBudget, ACountOfSamplesHoldsForEitherKind) {
  Rig rig(half_waiting());
  ASSERT_TRUE(rig.started);
  MissSampler misses(within_budget({.period = 100, .store_period = 100}, {.per_second = 300}), 3);
  StallSampler stalls(within_budget({.rate = 10'000, .decoded = 1}, {.cpu_share = 0.01, .per_second = 300}),
                      3);
  rig.machine.attach(misses);
  rig.machine.attach(stalls);
  rig.machine.advance(std::chrono::seconds(10));
  EXPECT_NEAR(static_cast<double>(misses.counters().delivered), 3000, 10);
  EXPECT_NEAR(static_cast<double>(stalls.counters().taken), 3000, 10);
  EXPECT_NEAR(rig.machine.totals().interference, 3000 * (1.5e-6 + 5e-6), 1e-4);
  const SamplingBudget both{.cpu_share = 0.001, .per_second = 300};
  EXPECT_NEAR(both.most(kStallSamplePrice), 200, 1e-6);
  EXPECT_NEAR(both.most(kMissSamplePrice), 300, 1e-6);
}

TEST(WithinBudget, NothingChangesWithoutOne) {
  EXPECT_EQ(within_budget(MissSamplingSettings{.period = 7}, {}).price, MissSamplingSettings{}.price);
  EXPECT_EQ(within_budget(StallSamplingSettings{}, {}).most_per_second, 0);
}

TEST(MissSampler, WhatComesTooFastIsLostAndCounted) {
  Rig rig(half_waiting());
  ASSERT_TRUE(rig.started);
  MissSampler sampler({10, ~0U, 0, 1000, Nanoseconds{0}}, 3);
  rig.machine.attach(sampler);
  rig.machine.advance(std::chrono::seconds(1));
  EXPECT_LE(sampler.take().size(), 1001U);
  EXPECT_GT(sampler.counters().lost, 100'000U);
}

// Two streams: 1.5e6 loads and 0.5e6 stores of region 0, 1e6 stores of region 1, on a tier of its own.
std::vector<std::unique_ptr<Workload>> loads_and_stores() {
  WorkloadInfo info;
  info.regions = 2;
  info.targets = {{"reader", 1}, {"writer", 1}};
  info.streams = {{"mixed", 0, 1, 0}, {"written", 1, 1, 0}};
  Interval interval;
  interval.duration = std::chrono::seconds(1);
  interval.compute = {0, 0};
  interval.demand = std::make_shared<const Demand>(Demand{{{{0, 1.5e6F, 0.5e6F, 0}}, {{1, 0, 1e6F, 0}}}});
  std::vector<Interval> all(1000, interval);
  all[0].events = {{RegionChange::kAllocate, 0, 0, 1, 0x40000000, PageKind::kHuge},
                   {RegionChange::kAllocate, 1, 1, 1, 0x40200000, PageKind::kHuge}};
  std::vector<std::unique_ptr<Workload>> workloads;
  workloads.push_back(std::make_unique<WrittenWorkload>(info, std::move(all)));
  return workloads;
}

TEST(MissSampler, LoadsAndStoresAreCountedApart) {
  FirstTouch placer;
  Machine machine(plain_machine(1), loads_and_stores(), placer);
  ASSERT_TRUE(machine.start());
  MissSampler both({2000, ~0U, 1000, 1e9, Nanoseconds{0}}, 3), loads({500, 1, 0, 1e9, Nanoseconds{0}}, 3);
  machine.attach(both);
  machine.attach(loads);
  machine.advance(std::chrono::seconds(5));
  const double intervals = machine.totals().tiers[1].misses / 1e6;
  double counted[2][2] = {};  // by region and kind
  for (const auto& sample : both.take()) {
    counted[sample.region][sample.store ? 1 : 0] += sample.weight;
    EXPECT_EQ(sample.target, sample.region);
    EXPECT_EQ(sample.tier, static_cast<int>(sample.region));
  }
  // Four standard deviations of n samples are four of their square root.
  const auto expect_near = [&](double value, double misses, double period) {
    EXPECT_NEAR(value, misses * intervals, 4 * period * std::sqrt(misses * intervals / period));
  };
  expect_near(counted[0][0], 1.5e6, 2000);
  expect_near(counted[0][1], 0.5e6, 1000);
  expect_near(counted[1][1], 1e6, 1000);
  EXPECT_EQ(counted[1][0], 0);
  const auto near = loads.take();
  expect_near(weight_of(near, 0), 1.5e6, 500);
  EXPECT_EQ(weight_of(near, 1), 0);
}

TEST(MissSampler, DrawsFollowThePlacementAndTheDemandOfTheMoment) {
  FirstTouch placer;
  const PlainWorkload first{{1e6, 1e6}, 0, 1, 1, 0, 1000}, second{{0, 3e6}, 0, 1, 1, 0, 1000};
  Machine machine(plain_machine(1), workloads(first, second), placer);
  ASSERT_TRUE(machine.start());
  MissSampler slow({1000, 2, 0, 1e9, std::chrono::microseconds(1)}, 3);
  machine.attach(slow);
  machine.advance(std::chrono::seconds(2));
  EXPECT_NEAR(machine.totals().interference, static_cast<double>(slow.counters().delivered) * 1e-6, 1e-9);
  // Region 0 lies in the fast tier. The others wait 300 ns a miss; the first program for two regions.
  const auto before = slow.take();
  EXPECT_EQ(weight_of(before, 0), 0);
  EXPECT_NEAR(weight_of(before, 1) / weight_of(before, 3), 0.75, 0.05);
  ASSERT_TRUE(machine.move_now(0, 1));
  static_cast<void>(slow.take());
  machine.advance(std::chrono::seconds(2));
  const auto after = slow.take();
  EXPECT_NEAR(weight_of(after, 0) / weight_of(after, 1), 1, 0.1);
  EXPECT_EQ(weight_of(after, 2), 0);
}

TEST(TouchProbability, SaturatesAndTellsHugePagesFromSmall) {
  PlainWorkload program{{1e6, 10}, 1, 1, 1, 0, 1000};
  Rig huge(program, 2);
  program.pages = PageKind::kSmall;
  Rig small(program, 2);
  ASSERT_TRUE(huge.started && small.started);
  huge.machine.advance(Nanoseconds{1});
  small.machine.advance(Nanoseconds{1});
  const auto window = std::chrono::milliseconds(5);
  EXPECT_NEAR(touch_probability(huge.machine, 0, window), 1, 1e-9);
  EXPECT_NEAR(touch_probability(huge.machine, 1, window), 10 / 1.1 * 5e-3, 2e-3);
  EXPECT_LT(touch_probability(small.machine, 1, window), touch_probability(huge.machine, 1, window) / 400);
}

TEST(HintFaults, UnmappedAgainAPageFaultsOnce) {
  PlainWorkload program{{1e4}, 1, 1, 1, 0, 1000};
  Rig rig(program, 2);
  ASSERT_TRUE(rig.started);
  HintFaults faults(Nanoseconds{0}, 11);
  rig.machine.attach(faults);
  faults.unmap(rig.machine, 0);
  rig.machine.advance(std::chrono::microseconds(1));
  faults.unmap(rig.machine, 0);
  rig.machine.advance(std::chrono::seconds(5));
  const auto taken = faults.take();
  ASSERT_EQ(taken.size(), 1U);
  EXPECT_EQ(taken[0].unmapped, std::chrono::microseconds(1));
}

TEST(HintFaults, HotPagesFaultSoonColdOnesLateAndReleasedOnesNever) {
  PlainWorkload program{{1e6, 2}, 1, 1, 1, 0, 1000};
  Rig rig(program, 2);
  ASSERT_TRUE(rig.started);
  HintFaults faults(std::chrono::microseconds(1), 11);
  rig.machine.attach(faults);
  rig.machine.advance(std::chrono::milliseconds(10));
  faults.unmap(rig.machine, 0);
  faults.unmap(rig.machine, 1);
  rig.machine.advance(std::chrono::milliseconds(1));
  const auto soon = faults.take();
  ASSERT_EQ(soon.size(), 1U);
  EXPECT_EQ(soon[0].region, 0U);
  EXPECT_LT(soon[0].touched - soon[0].unmapped, std::chrono::milliseconds(1));
  rig.machine.advance(std::chrono::seconds(30));
  const auto late = faults.take();
  ASSERT_EQ(late.size(), 1U);
  EXPECT_GT(late[0].touched - late[0].unmapped, std::chrono::milliseconds(1));
  EXPECT_NEAR(rig.machine.totals().interference, 2e-6, 1e-9);
}

}  // namespace
}  // namespace tier::sim
