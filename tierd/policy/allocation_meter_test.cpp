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
  meter.tick(free_bytes(500, 500), {});
  MigrationReport report;
  report.from = {1}, report.to = {0};
  report.moved = {100};
  const std::vector<MigrationReport> reports = {report};
  meter.tick(free_bytes(370, 600), reports);  // 100 came by our move, 30 were allocated
  ASSERT_EQ(meter.rates().size(), 2u);
  EXPECT_EQ(meter.rates()[0].per_tick.value, 30u);
  EXPECT_EQ(meter.rates()[1].per_tick.value, 0u);
}

TEST(AllocationMeter, RisesAtOnceAndFallsSlowly) {
  AllocationMeter meter;
  meter.tick(free_bytes(500, 500), {});
  meter.tick(free_bytes(100, 500), {});
  EXPECT_EQ(meter.rates()[0].per_tick.value, 400u);
  meter.tick(free_bytes(100, 500), {});
  EXPECT_EQ(meter.rates()[0].per_tick.value, 200u);
  meter.tick(free_bytes(400, 500), {});  // memory given back is no allocation
  EXPECT_EQ(meter.rates()[0].per_tick.value, 100u);
}

}  // namespace
}  // namespace tier
