#include "migrator/call_size.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace tier {
namespace {

struct Machine {
  double fixed = 0.5e-3, per_2mib = 1e-3;  // seconds
  Nanoseconds takes(Bytes bytes) const {
    const double s = fixed + per_2mib * static_cast<double>(bytes.value) / (2 << 20);
    return Nanoseconds{static_cast<std::int64_t>(s * 1e9)};
  }
};

// The longest of so many calls.
Nanoseconds run(CallSize& size, const Machine& machine, int calls) {
  Nanoseconds longest{};
  for (int i = 0; i < calls; ++i) {
    const Nanoseconds took = machine.takes(size.next());
    longest = std::max(longest, took);
    size.add(size.next(), took);
  }
  return longest;
}

TEST(CallSizeTest, IsTheWholeAfterAFewQuickCalls) {
  CallSize size(2_MiB);
  EXPECT_EQ(size.next(), 256_KiB);
  run(size, {}, 3);
  EXPECT_EQ(size.next(), 2_MiB);
}

TEST(CallSizeTest, StaysTheWholeWhereItTakesLessThanEightMilliseconds) {
  CallSize size(2_MiB);
  run(size, {.per_2mib = 7e-3}, 20);
  EXPECT_EQ(size.next(), 2_MiB);
}

TEST(CallSizeTest, SlowMemoryIsMovedInCallsThatEndSoonFromTheFirstOn) {
  for (const double per_2mib : {10e-3, 20e-3, 40e-3, 60e-3}) {
    CallSize size(2_MiB);
    EXPECT_LT(run(size, {.per_2mib = per_2mib}, 200), std::chrono::milliseconds(10)) << per_2mib;
    EXPECT_GT(size.next(), 64_KiB) << "smaller than it need be";
  }
}

TEST(CallSizeTest, NeverBelowSixteenPages) {
  CallSize size(2_MiB);
  run(size, {.per_2mib = 1}, 50);
  EXPECT_GE(size.next(), 64_KiB);
  EXPECT_LE(size.next(), 128_KiB);
}

TEST(CallSizeTest, OneSlowCallIsForgotten) {
  CallSize size(2_MiB);
  run(size, {}, 10);
  size.add(size.next(), std::chrono::milliseconds(300));
  EXPECT_EQ(size.next(), 64_KiB);
  run(size, {}, 16);
  EXPECT_EQ(size.next(), 2_MiB);
}

TEST(CallSizeTest, WhatTurnsSlowIsMovedInSmallerCallsAtOnce) {
  CallSize size(2_MiB);
  run(size, {}, 10);
  run(size, {.per_2mib = 40e-3}, 1);
  EXPECT_LT(run(size, {.per_2mib = 40e-3}, 100), std::chrono::milliseconds(10));
  run(size, {}, 16);
  EXPECT_EQ(size.next(), 2_MiB) << "quick again";
}

// Small calls are no quicker there, they only cost more.
TEST(CallSizeTest, WhereACallIsSlowWhateverItsSizeItIsTheWhole) {
  CallSize size(2_MiB);
  run(size, {.fixed = 12e-3}, 40);
  EXPECT_EQ(size.next(), 2_MiB);
}

}  // namespace
}  // namespace tier
