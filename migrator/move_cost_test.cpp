#include "migrator/move_cost.h"

#include <gtest/gtest.h>

#include "migrator/refusals.h"
#include "migrator/token_bucket.h"

namespace tier {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

TEST(MoveCost, EqualSizesPutAllCostPerByte) {
  MoveCostMeter meter;
  for (int i = 0; i < 10; ++i) meter.add(2_MiB, microseconds(2000));
  const MoveCost cost = meter.estimate();
  EXPECT_EQ(cost.fixed.count(), 0);
  EXPECT_NEAR(cost.of(2_MiB).value, 2e-3, 1e-9);
}

TEST(MoveCost, FollowsAChange) {
  MoveCostMeter meter;
  for (int i = 0; i < 100; ++i) meter.add(2_MiB, microseconds(1000));
  for (int i = 0; i < 100; ++i) meter.add(2_MiB, microseconds(8000));
  EXPECT_NEAR(meter.estimate().of(2_MiB).value, 8e-3, 0.2e-3);
}

TEST(MoveCost, NeitherPartIsEverNegative) {
  MoveCostMeter meter;
  meter.add(1_MiB, microseconds(5000));  // smaller and slower: the fitted slope would be negative
  meter.add(4_MiB, microseconds(1000));
  const MoveCost cost = meter.estimate();
  EXPECT_GE(cost.seconds_per_byte, 0);
  EXPECT_GE(cost.fixed.count(), 0);
  meter.add(Bytes{0}, microseconds(1));
  EXPECT_EQ(meter.estimate().measured, 2u) << "a move of nothing teaches nothing";
}

TEST(TokenBucket, OverdrawsByOneSpendAndThenWaitsForIt) {
  TokenBucket bucket(Bytes{1000}, Bytes{500});
  EXPECT_EQ(bucket.wait(Nanoseconds{0}).count(), 0);
  bucket.spend(Bytes{1500});
  EXPECT_NEAR(seconds(bucket.wait(Nanoseconds{0})), 1.0, 1e-6);
  EXPECT_EQ(bucket.wait(milliseconds(1001)).count(), 0);
}

TEST(TokenBucket, AClockThatStandsStillGivesNothing) {
  TokenBucket bucket(Bytes{1000}, Bytes{0});
  bucket.wait(milliseconds(5));
  bucket.spend(Bytes{10});
  EXPECT_GT(bucket.wait(milliseconds(5)).count(), 0);
  EXPECT_GT(bucket.wait(milliseconds(4)).count(), 0);
}

TEST(TokenBucket, SavesNoMoreThanTheBurst) {
  TokenBucket bucket(Bytes{1000}, Bytes{500});
  bucket.wait(Nanoseconds{0});
  bucket.wait(std::chrono::hours(1));
  bucket.spend(Bytes{600});
  EXPECT_NEAR(seconds(bucket.wait(std::chrono::hours(1))), 0.1, 1e-6);
}

TEST(Refusals, WaitsDoubleUpToTheLongest) {
  RefusalMemory memory(
      {.until_unmovable = 100, .first_wait = milliseconds(100), .longest_wait = milliseconds(350)});
  const RegionKey key{TargetId{1}, 0x200000};
  const auto waits = [&](milliseconds expected) {
    memory.refused(key, Nanoseconds{0});
    EXPECT_FALSE(memory.may_try(key, expected - Nanoseconds{1}));
    EXPECT_TRUE(memory.may_try(key, expected));
  };
  waits(milliseconds(100));
  waits(milliseconds(200));
  waits(milliseconds(350));
  for (int i = 0; i < 80; ++i) waits(milliseconds(350));
  memory.accepted(key);
  EXPECT_TRUE(memory.may_try(key, Nanoseconds{0}));
  EXPECT_EQ(memory.size(), 0u);
}

}  // namespace
}  // namespace tier
