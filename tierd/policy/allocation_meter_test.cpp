#include "tierd/policy/allocation_meter.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

SystemState free_bytes(std::uint64_t fast, std::uint64_t slow) {
  SystemState system;
  system.nodes = {{{0}, {}, {fast}, {1000}, true}, {{1}, {}, {slow}, {1000}, true}};
  return system;
}

TEST(AllocationMeter, CountsWhatFreeSpaceLostBeyondOurOwnMoves) {
  AllocationMeter meter;
  meter.look(free_bytes(500, 500), {}, 1);
  MigrationReport report;
  report.from = {1}, report.to = {0};
  report.moved = {100};
  const std::vector<MigrationReport> reports = {report};
  meter.look(free_bytes(370, 600), reports, 1);  // 100 came by our move, 30 were allocated
  ASSERT_EQ(meter.rates().size(), 2u);
  EXPECT_EQ(meter.rates()[0].per_second.value, 30u);
  EXPECT_EQ(meter.rates()[1].per_second.value, 0u);
}

TEST(AllocationMeter, RisesAtOnceAndFallsSlowly) {
  AllocationMeter meter;
  meter.look(free_bytes(500, 500), {}, 1);
  meter.look(free_bytes(100, 500), {}, 1);
  EXPECT_EQ(meter.rates()[0].per_second.value, 400u);
  meter.look(free_bytes(100, 500), {}, 1);
  EXPECT_EQ(meter.rates()[0].per_second.value, 200u);
  meter.look(free_bytes(400, 500), {}, 1);  // memory given back is no allocation
  EXPECT_EQ(meter.rates()[0].per_second.value, 100u);
}

Target grown_to(std::uint32_t id, Bytes resident) {
  Target target;
  target.id = {id};
  target.resident = resident;
  return target;
}

TEST(NewMemoryMeter, TellsWatchedProgramsFromOthersByWhatTheyGrow) {
  NewMemoryMeter meter;
  meter.look(0, std::vector<Target>{grown_to(1, 100_MiB), grown_to(2, 50_MiB)}, 1);
  EXPECT_EQ(meter.worth().watched, 0) << "what was there when it was first looked at is not new";
  meter.look(40.0 * (1 << 20), std::vector<Target>{grown_to(1, 110_MiB), grown_to(2, 20_MiB)}, 1);
  EXPECT_EQ(meter.worth().watched, 10.0 * (1 << 20)) << "what one gave back is not what another took";
  EXPECT_DOUBLE_EQ(meter.worth().watched_share(), 0.25);
  for (int i = 0; i < 100; ++i) meter.look(0, std::vector<Target>{grown_to(1, 110_MiB)}, 1);
  EXPECT_LT(meter.worth().watched, 1 << 20) << "long ago";
  meter.look(0, std::vector<Target>{grown_to(1, 120_MiB)}, 1);
  EXPECT_DOUBLE_EQ(meter.worth().watched_share(), 1) << "never more than all";
}

TEST(NewMemoryMeter, WhatIsTakenAndGivenBackDoesNotLast) {
  NewMemoryMeter meter;
  const auto tick = [&](Bytes resident) {
    meter.look(0, std::vector<Target>{grown_to(1, resident)}, 1);
    return meter.worth();
  };
  (void)tick(100_MiB);
  EXPECT_EQ(tick(140_MiB).lasting, 40.0 * (1 << 20));
  for (int i = 0; i < 100; ++i) (void)tick(i % 2 == 0 ? 20_MiB : 140_MiB);
  EXPECT_GT(meter.worth().watched, 100.0 * (1 << 20)) << "it allocates all the time";
  EXPECT_LT(meter.worth().lasting, 1 << 20) << "but holds no more than before";
  EXPECT_GT(tick(150_MiB).lasting, 10.0 * (1 << 20));
}

TEST(NewMemoryMeter, SaysWhatNewMemoryIsWorthOnceEnoughWasSeen) {
  NewMemoryMeter meter;
  RegionSnapshot snapshot;
  snapshot.fresh = {2_MiB, {1000}};
  meter.tick(snapshot);
  EXPECT_FALSE(meter.worth().demand_per_byte);
  snapshot.fresh = {40_MiB, {3000}};
  meter.tick(snapshot);
  ASSERT_TRUE(meter.worth().demand_per_byte);
  EXPECT_NEAR(*meter.worth().demand_per_byte * (2 << 20), 3930 / 20.93, 0.1);
}

}  // namespace
}  // namespace tier
