#include "sim/machine/machine.h"

#include <gmock/gmock.h>

#include <cmath>

#include "sim/machine/machine_fixture.h"

namespace tier::sim {
namespace {

constexpr Bytes kRegion = kDefaultRegionSize;

TEST(Machine, TimeIsComputationAndSerialisedWaitsOverThreads) {
  FirstTouch placer;
  PlainWorkload program{{1e6, 1e6}, 0.5, 2, 4, 0.5, 3};
  Machine machine(plain_machine(1), workloads(program), placer);
  ASSERT_TRUE(machine.start());
  EXPECT_EQ(machine.tier_of(0), 0);
  EXPECT_EQ(machine.tier_of(1), 1);
  run(machine);
  // Per interval: 1e6 misses, half of them hidden, four at a time, at 100 and at 300 ns.
  const double stall = 1e6 * 0.5 / 4 * 400e-9;
  EXPECT_NEAR(seconds(machine.now()), 3 * (0.5 + stall) / 2, 1e-6);
  EXPECT_NEAR(machine.totals().stall, 3 * stall, 1e-6);
  EXPECT_NEAR(machine.totals().compute, 1.5, 1e-6);
  EXPECT_NEAR(machine.totals().tiers[1].misses, 3e6, 1);
  EXPECT_TRUE(machine.done());
  EXPECT_EQ(machine.free(0), kRegion) << "what ends gives its memory back";
}

TEST(Machine, StoresWaitForTheirShareAndWriteBack) {
  FirstTouch placer;
  WorkloadInfo info;
  info.regions = 1;
  info.targets = {{"writer", 1}};
  info.streams = {{"all", 0, 1, 0}};
  Demand demand;
  demand.streams = {{{0, 0, 1e6, 0}}};
  Interval interval;
  interval.compute = {0};
  interval.events = {{RegionChange::kAllocate, 0, 0, 1, 0x40000000, PageKind::kHuge}};
  interval.demand = std::make_shared<const Demand>(demand);
  std::vector<std::unique_ptr<Workload>> all;
  all.push_back(std::make_unique<WrittenWorkload>(info, std::vector<Interval>{interval}));
  MachineDescription description = plain_machine(1);
  description.store_wait = 0.25;
  Machine machine(description, std::move(all), placer);
  ASSERT_TRUE(machine.start());
  run(machine);
  EXPECT_NEAR(machine.totals().stall, 0.25 * 1e6 * 100e-9, 1e-9);
  EXPECT_NEAR(machine.totals().tiers[0].traffic, 2 * 64 * 1e6, 1);
}

TEST(Machine, PrefetchersThatAreOffHideNothing) {
  FirstTouch placer;
  PlainWorkload program{{1e6}, 0, 1, 1, 0.9};
  MachineDescription on = plain_machine(1), off = on;
  off.prefetch.on = false;
  Machine with(on, workloads(program), placer), without(off, workloads(program), placer);
  ASSERT_TRUE(with.start().has_value() && without.start().has_value());
  run(with);
  run(without);
  EXPECT_NEAR(without.totals().stall / with.totals().stall, 10, 1e-6);
  EXPECT_GT(with.totals().tiers[0].traffic, without.totals().tiers[0].traffic);
}

TEST(Machine, BandwidthBoundsTheWork) {
  FirstTouch placer;
  PlainWorkload program{{1e8}, 0, 16, 10};
  MachineDescription narrow = plain_machine(1);
  narrow.tiers[0].bandwidth = 1e10;  // 6.4 GB at 10 GB/s: 0.64 s; latency alone would allow 0.0625 s
  narrow.tiers[0].load_curve = {{0, 1}, {0.5, 1.2}, {1, 4}};
  Machine machine(narrow, workloads(program), placer);
  ASSERT_TRUE(machine.start());
  machine.advance(Nanoseconds{1});
  EXPECT_GT(seconds(machine.loaded_latency(0)), 4 * 100e-9);
  run(machine);
  EXPECT_NEAR(seconds(machine.now()), 0.64, 0.064) << "within the steepness above full load";
}

TEST(Machine, BandwidthBoundsStreamsThatPrefetchersHide) {
  FirstTouch placer;
  PlainWorkload stream{{1e8}, 0, 16, 10, 1};
  MachineDescription narrow = plain_machine(1);
  narrow.prefetch.extra_traffic = 0;
  narrow.tiers[0].bandwidth = 1e10;  // 6.4 GB at 10 GB/s
  narrow.tiers[0].load_curve = {{0, 1}, {0.5, 1.2}, {1, 4}};
  Machine machine(narrow, workloads(stream), placer);
  ASSERT_TRUE(machine.start());
  machine.advance(Nanoseconds{1});
  EXPECT_LT(seconds(machine.loaded_latency(0)), 20 * 100e-9) << "late prefetches hold the program back";
  run(machine);
  EXPECT_NEAR(seconds(machine.now()), 0.64, 0.064);
}

TEST(Machine, OthersTrafficRaisesTheLatency) {
  FirstTouch placer;
  PlainWorkload program{{1e6}};
  MachineDescription busy = plain_machine(1);
  busy.tiers[0].load_curve = {{0, 1}, {0.5, 2}, {1, 4}};
  busy.tiers[0].background = 0.5 * busy.tiers[0].bandwidth;
  Machine machine(busy, workloads(program), placer);
  ASSERT_TRUE(machine.start());
  run(machine);
  EXPECT_NEAR(machine.totals().stall, 0.2, 0.002);
}

TEST(Machine, AMoveTakesItsTimeAndPaysFromThenOn) {
  FirstTouch placer;
  PlainWorkload program{{1e5, 1e6}, 0, 1, 1, 0, 10};
  Machine machine(plain_machine(2), workloads(program), placer);
  ASSERT_TRUE(machine.start());
  EXPECT_FALSE(machine.move_now(0, 0)) << "is there";
  EXPECT_EQ(machine.now(), Nanoseconds{0});
  EXPECT_TRUE(machine.move_now(0, 1));
  EXPECT_EQ(machine.now(), std::chrono::milliseconds(1)) << "500 us and the copy";
  EXPECT_EQ(machine.tier_of(0), 1);
  EXPECT_EQ(machine.totals().demoted, kRegion);
  EXPECT_EQ(machine.free(0), kRegion);
  EXPECT_TRUE(machine.move_now(0, 0));
  EXPECT_FALSE(machine.move_now(1, 0));
  EXPECT_EQ(machine.totals().promoted, kRegion);
  EXPECT_EQ(machine.totals().refused, 2U);
}

TEST(Machine, ProgramsWaitForAPageOnItsWay) {
  FirstTouch placer;
  PlainWorkload hot{{1e9}, 0, 4, 10, 0, 1000};
  Machine machine(plain_machine(1), workloads(hot), placer);
  ASSERT_TRUE(machine.start());
  ASSERT_TRUE(machine.move_now(0, 1));
  // Every one of four threads runs into the page at once and waits while it is copied.
  EXPECT_NEAR(machine.totals().interference, 4 * 500e-6, 1e-4);
}

TEST(Machine, AThreadWaitsForOneOfSeveralPagesOnTheirWay) {
  FirstTouch placer;
  PlainWorkload hot{{1e9, 1e9, 1e9, 1e9}, 0, 4, 10, 0, 1000};
  Machine machine(plain_machine(4), workloads(hot), placer);
  ASSERT_TRUE(machine.start());
  machine.set_copy_threads(2);
  for (Region region = 0; region < 4; ++region) machine.queue_move(region, 1);
  machine.advance(std::chrono::milliseconds(3));
  ASSERT_EQ(machine.totals().moves, 4U);
  // Two at a time: the first two are away for half a millisecond each and share it, so do the next; four
  // threads.
  EXPECT_NEAR(machine.totals().interference, (0.25e-3 + 0.25e-3 + 0.25e-3 + 0.5e-3) * 4, 2e-4)
      << "the last one moves alone";
}

TEST(Machine, OnlyStoresWaitForReadablePagesOnTheirWay) {
  for (const bool readable : {false, true}) {
    FirstTouch placer;
    PlainWorkload loads{{1e9}, 0, 4, 10, 0, 1000};
    Machine machine(plain_machine(1), workloads(loads), placer);
    ASSERT_TRUE(machine.start());
    machine.set_readable_moves(readable);
    ASSERT_TRUE(machine.move_now(0, 1));
    EXPECT_NEAR(machine.totals().interference, readable ? 0 : 4 * 500e-6, 1e-4);
  }
}

TEST(Machine, SmallPagesWaitOneByOneButCostMore) {
  FirstTouch placer;
  PlainWorkload hot{{1e9}, 0, 4, 10, 0, 1000};
  hot.pages = PageKind::kSmall;
  MachineDescription description = plain_machine(1);
  description.migration.per_page = Nanoseconds{2000};
  Machine machine(description, workloads(hot), placer);
  ASSERT_TRUE(machine.start());
  machine.advance(Nanoseconds{1});
  EXPECT_EQ(machine.move_duration(0), std::chrono::milliseconds(1) + 512 * Nanoseconds{2000});
}

TEST(Machine, QueuedMovesGoInOrderWhileTimePasses) {
  FirstTouch placer;
  PlainWorkload program{{1e6, 1e6, 1e6}, 100};
  Machine machine(plain_machine(2), workloads(program), placer);
  ASSERT_TRUE(machine.start());
  machine.queue_move(2, 0);  // no room: refused
  machine.queue_move(0, 1);
  machine.queue_move(2, 0);
  machine.advance(std::chrono::microseconds(1500));
  EXPECT_EQ(machine.tier_of(0), 1);
  EXPECT_EQ(machine.tier_of(2), 1) << "half way";
  machine.advance(std::chrono::microseconds(600));
  EXPECT_EQ(machine.tier_of(2), 0);
  EXPECT_EQ(machine.totals().refused, 1U);
  EXPECT_EQ(machine.queued(), 0U);
}

TEST(Machine, TheQueueKeepsToItsRate) {
  FirstTouch placer;
  PlainWorkload program{{1, 1, 1, 1}, 100};
  Machine machine(plain_machine(4), workloads(program), placer);
  ASSERT_TRUE(machine.start());
  machine.set_copy_threads(4);
  machine.set_copy_rate(static_cast<double>(kRegion.value) / 0.1);
  for (Region region = 0; region < 4; ++region) machine.queue_move(region, 1);
  machine.advance(std::chrono::milliseconds(250));
  EXPECT_EQ(machine.totals().demoted, Bytes{2 * kRegion.value});
}

TEST(Machine, WorkloadsSideBySideKeepTheirOwnPace) {
  FirstTouch placer;
  PlainWorkload quick{{1}, 1, 1, 1, 0, 3}, slow{{1}, 5};
  Machine machine(plain_machine(2), workloads(quick, slow), placer);
  ASSERT_TRUE(machine.start());
  machine.advance(std::chrono::milliseconds(2500));
  EXPECT_EQ(machine.intervals_done(0), 2U);
  EXPECT_EQ(machine.intervals_done(1), 0U);
  EXPECT_EQ(machine.offset_of(1), 1U);
  EXPECT_EQ(machine.target_of(1), 1U);
  EXPECT_EQ(machine.region_at(machine.address_of(1) + 5), 1U);
  run(machine);
  EXPECT_NEAR(seconds(machine.now()), 5, 1e-3);
}

TEST(Machine, InterferenceDelaysItsTargetOnly) {
  FirstTouch placer;
  PlainWorkload one{{1}, 2, 2}, other{{1}, 1};
  Machine machine(plain_machine(2), workloads(one, other), placer);
  ASSERT_TRUE(machine.start());
  machine.interfere(0, 1.0);  // two threads: half a second each
  machine.advance(std::chrono::milliseconds(1200));
  EXPECT_EQ(machine.intervals_done(1), 1U);
  EXPECT_EQ(machine.intervals_done(0), 0U);
  run(machine);
  EXPECT_NEAR(seconds(machine.now()), 1.5, 1e-3);
}

TEST(Machine, AFullMachineSaysSo) {
  FirstTouch placer;
  PlainWorkload big{std::vector<float>(100, 1.0F)};
  Machine machine(plain_machine(2), workloads(big), placer);
  const auto started = machine.start();
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, testing::HasSubstr("full"));
  EXPECT_TRUE(machine.done());
}

TEST(Machine, WhatIsAllocatedTwiceIsToldOnce) {
  class Told final : public Observer {
   public:
    void on_segment(Machine&, const Segment&) override {}
    void on_allocate(Machine&, Region first, std::uint32_t count) override {
      runs.emplace_back(first, count);
    }
    std::vector<std::pair<Region, std::uint32_t>> runs;
  };
  WorkloadInfo info;
  info.regions = 6;
  info.targets = {{"program", 1}};
  Interval interval;
  interval.duration = std::chrono::seconds(1);
  interval.compute = {1};
  interval.demand = std::make_shared<const Demand>();
  interval.events = {{RegionChange::kAllocate, 0, 2, 1, 0x40000000, PageKind::kHuge},
                     {RegionChange::kAllocate, 0, 0, 6, 0x40000000, PageKind::kHuge}};
  std::vector<std::unique_ptr<Workload>> all;
  all.push_back(std::make_unique<WrittenWorkload>(info, std::vector<Interval>{interval}));
  FirstTouch placer;
  Told told;
  Machine machine(plain_machine(4), std::move(all), placer);
  machine.attach(told);
  ASSERT_TRUE(machine.start());
  EXPECT_THAT(told.runs, testing::ElementsAre(std::pair(2U, 1U), std::pair(0U, 2U), std::pair(3U, 3U)));
}

TEST(Machine, DrawsFollowTheWaiting) {
  FirstTouch placer;
  PlainWorkload program{{3e6, 1e6}, 0, 1, 1, 0, 1000};
  Machine machine(plain_machine(1), workloads(program), placer);
  ASSERT_TRUE(machine.start());
  machine.advance(Nanoseconds{1});
  Random random(5);
  int stalls = 0, misses = 0;
  constexpr int kDraws = 20'000;
  for (int i = 0; i < kDraws; ++i) {
    stalls += machine.draw_stall(random)->region == 0;
    misses += machine.draw_miss(random)->region == 0;
  }
  // 3e6 at 100 ns against 1e6 at 300 ns; 3 to 1 by count. Four standard deviations are 0.014.
  EXPECT_NEAR(stalls / double{kDraws}, 0.5, 0.014);
  EXPECT_NEAR(misses / double{kDraws}, 0.75, 0.014);
}

TEST(Machine, RatesAgreeWithTotals) {
  FirstTouch placer;
  PlainWorkload program{{3e6, 1e6}, 0.1, 2, 4, 0.5, 1000};
  Machine machine(plain_machine(1), workloads(program), placer);
  ASSERT_TRUE(machine.start());
  machine.advance(std::chrono::seconds(1));
  double stall = 0, misses = 0;
  for (Region region = 0; region < 2; ++region)
    stall += machine.stall_rate(region), misses += machine.miss_rate(region);
  EXPECT_NEAR(stall, machine.totals().stall, 1e-6);
  EXPECT_NEAR(machine.stall_rate_of_tier(0) + machine.stall_rate_of_tier(1), stall, 1e-9);
  EXPECT_NEAR(misses, machine.totals().tiers[0].misses + machine.totals().tiers[1].misses, 1);
  const double interval = (0.1 + 125e3 * (3 * 100e-9 + 300e-9)) / 2;  // seconds
  EXPECT_NEAR(machine.demand_rate(1), 125e3 / interval, 1);
}

}  // namespace
}  // namespace tier::sim
