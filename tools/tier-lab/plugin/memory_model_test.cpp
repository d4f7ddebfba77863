#include "tools/tier-lab/plugin/memory_model.h"

#include <gtest/gtest.h>

namespace tier::lab {
namespace {

constexpr std::uint64_t kReadPs = 80'000, kWritePs = 90'000;
constexpr std::uint64_t kInstructionPs = 1000;
constexpr std::uint64_t kNothing = 0;  // what the address of an independent load waits for

// One vCPU, one node of 100 GB/s; an instruction takes a nanosecond.
class OneCore : public ::testing::Test {
 protected:
  explicit OneCore(TierSpec tier = {640, 640, 0}) : model_(core_, {tier}, {{{kReadPs, kWritePs}}}) {}

  // Runs `count` instructions.
  void run(std::uint64_t count) {
    now_.instructions += count;
    now_.ps += count * kInstructionPs;
  }
  // Returns the wait; arrival_ is what a load that depends on this one needs.
  std::uint64_t load(std::uint64_t needs_ps, bool streamed = false) {
    const LoadCost cost = model_.load(0, 0, streamed, needs_ps, now_);
    now_.ps += cost.wait_ps;
    arrival_ = cost.arrival_ps;
    return cost.wait_ps;
  }
  std::uint64_t store(bool streamed = false) {
    const std::uint64_t wait = model_.store(0, 0, streamed, now_);
    now_.ps += wait;
    return wait;
  }

  CoreSpec core_;
  MemoryModel model_;
  Moment now_ = {1'000'000, 1000};
  std::uint64_t arrival_ = 0;
};

TEST_F(OneCore, APointerChasePaysInFull) {
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(load(arrival_), kReadPs);
    run(2);
  }
}

TEST_F(OneCore, IndependentMissesShareALatencyUpToTheFillBuffers) {
  std::uint64_t total = 0;
  constexpr int kMisses = 1600;
  for (int i = 0; i < kMisses; ++i) {
    total += load(kNothing);
    run(10);
  }
  // 51 lie within a window of 512 instructions; sixteen buffers hold sixteen.
  EXPECT_NEAR(static_cast<double>(total) / kMisses, kReadPs / 16.0, kReadPs / 16.0 * 0.03);
}

TEST_F(OneCore, TheWindowBoundsThemWhereTheyAreFarApart) {
  std::uint64_t total = 0;
  constexpr int kMisses = 1000;
  for (int i = 0; i < kMisses; ++i) {
    total += load(kNothing);
    run(128);
  }
  EXPECT_NEAR(static_cast<double>(total) / kMisses, kReadPs / 4.0, kReadPs / 4.0 * 0.02);
  run(600);
  EXPECT_EQ(load(kNothing), kReadPs) << "an isolated miss has none beside it";
}

// An index and what it points to: each pair is a chain of two, and the pairs are independent.
TEST_F(OneCore, ShortChainsRunBesideEachOther) {
  std::uint64_t total = 0;
  constexpr int kPairs = 1000;
  for (int i = 0; i < kPairs; ++i) {
    total += load(kNothing);
    run(4);
    total += load(arrival_);
    run(60);
  }
  // Eight pairs lie within a window, and each takes two latencies.
  EXPECT_NEAR(static_cast<double>(total) / kPairs, 2.0 * kReadPs / 8, 2.0 * kReadPs / 8 * 0.15);
}

TEST_F(OneCore, WhatIsBesideAChaseIsHiddenByIt) {
  std::uint64_t chased = 0, beside = 0, last = 0;
  for (int i = 0; i < 1000; ++i) {
    chased += load(last);
    last = arrival_;
    beside += load(kNothing);
    run(8);
  }
  EXPECT_NEAR(static_cast<double>(chased) / 1000, kReadPs, kReadPs * 0.01);
  EXPECT_LT(beside, kReadPs * 2);
}

TEST_F(OneCore, AStreamIsPaidByTheLinesInFlightAndWorkHidesIt) {
  run(1000);
  load(kNothing, true);
  std::uint64_t total = 0;
  for (int i = 0; i < 480; ++i) total += load(kNothing, true);
  EXPECT_NEAR(static_cast<double>(total) / 480, kReadPs / 48.0, 1);
  for (int i = 0; i < 100; ++i) {
    run(2);  // 2 ns of work for lines that come 1.67 ns apart
    EXPECT_EQ(load(kNothing, true), 0U);
  }
}

TEST_F(OneCore, StoresWaitOnceTheBufferIsFull) {
  for (std::uint32_t i = 0; i < core_.store_buffer; ++i) EXPECT_EQ(store(), 0U);
  for (int i = 0; i < 1000; ++i) store();  // the burst has made a queue
  std::uint64_t total = 0;
  for (int i = 0; i < 1000; ++i) total += store();
  EXPECT_NEAR(static_cast<double>(total) / 1000, kWritePs / 16.0, kWritePs / 16.0 * 0.02);
  run(100'000);
  EXPECT_EQ(store(), 0U) << "the buffer has drained";
}

class SlowTier : public OneCore {
 protected:
  SlowTier() : OneCore({6400, 6400, 0}) {}
};

TEST_F(SlowTier, AStreamIsNoFasterThanItsTier) {
  std::uint64_t total = 0;
  for (int i = 0; i < 1000; ++i) total += load(kNothing, true);
  EXPECT_NEAR(static_cast<double>(total) / 1000, 6400, 6400 * 0.01);
}

TEST_F(SlowTier, StoresMoveALineTwice) {
  std::uint64_t total = 0;
  for (int i = 0; i < 2000; ++i) total += store(true);
  EXPECT_NEAR(static_cast<double>(total) / 2000, 12'800, 12'800 * 0.07);
}

// Latency that traffic adds at a share of the bandwidth, picoseconds.
std::uint64_t added_at(double use, TierSpec spec) {
  TierLoad tier(spec, 2);
  const auto apart = static_cast<std::uint64_t>(static_cast<double>(spec.read_line_ps) / use);
  std::uint64_t now = 0, added = 0;
  for (int i = 0; i < 100'000; ++i) {
    added = tier.enter(0, now, spec.read_line_ps);
    now += apart;
  }
  return added;
}

TEST(TierLoad, TheQueueIsThatOfMD1) {
  const TierSpec spec = {640, 640, 40'000};
  for (const double use : {0.1, 0.5, 0.75, 0.9}) {
    const double wait = 40'000 * use / (2 * (1 - use));
    EXPECT_NEAR(static_cast<double>(added_at(use, spec)), wait, 0.03 * wait + 20) << use;
  }
}

// The clocks of vCPUs may be apart: each sees the other's traffic, and none is counted twice.
TEST(TierLoad, AddsUpVcpusWhoseClocksAreApart) {
  TierLoad tier({640, 640, 40'000}, 2);
  std::uint64_t now = 50'000'000, added[2] = {};
  for (int turn = 0; turn < 200; ++turn) {
    for (const std::size_t vcpu : {0U, 1U})
      for (std::uint64_t at = 0; at < 20'000'000; at += 2560) added[vcpu] = tier.enter(vcpu, now + at, 640);
    now += 20'000'000;
  }
  const double wait = 40'000 * 0.5 / (2 * 0.5);
  for (const std::uint64_t one : added) EXPECT_NEAR(static_cast<double>(one), wait, 0.1 * wait);
}

TEST(TierLoad, IsForgottenAfterAWindow) {
  TierLoad tier({640, 640, 40'000}, 2);
  std::uint64_t now = 0;
  for (int i = 0; i < 100'000; ++i) tier.enter(0, now += 700, 640);
  EXPECT_GT(tier.enter(0, now, 640), 100'000U);
  EXPECT_EQ(tier.enter(0, now + 20'000'000, 640), 0U);
  EXPECT_EQ(tier.enter(1, now + 90'000'000, 640), 0U);
}

// Two vCPUs that take turns may ask with a clock that stands still.
TEST(TierLoad, MoreThanTheBandwidthFallsBehindByAllOfIt) {
  TierLoad tier({1000, 1000, 0}, 2);
  for (int i = 0; i < 1000; ++i) tier.enter(0, 5000, 1000);
  EXPECT_EQ(tier.enter(0, 5000, 1000), 1'000'000U);
  EXPECT_EQ(tier.enter(0, 4000, 1000), 1'002'000U) << "a step back loses nothing";
}

// A fast and a slow miss that overlap: the slow one is waited for.
TEST(MemoryModel, OfTwoThatOverlapTheLaterIsWaitedFor) {
  MemoryModel model({}, {{640, 640, 0}, {640, 640, 0}}, {{{80'000, 80'000}, {240'000, 240'000}}});
  Moment now = {10'000'000, 10'000};
  std::uint64_t fast = 0, slow = 0;
  for (int i = 0; i < 1000; ++i) {
    for (const std::size_t node : {0U, 1U}) {
      const std::uint64_t wait = model.load(0, node, false, 0, now).wait_ps;
      (node == 0 ? fast : slow) += wait;
      now.ps += wait + 40'000;
      now.instructions += 40;
    }
  }
  EXPECT_LT(fast, slow / 3);
}

TEST(MemoryModel, NodesHaveLatenciesOfTheirOwnForEachVcpu) {
  MemoryModel model({}, {{640, 640, 0}, {3200, 3200, 0}},
                    {{{80'000, 80'000}, {240'000, 240'000}}, {{160'000, 160'000}, {120'000, 120'000}}});
  const Moment later = {10'000'000, 10'000};
  EXPECT_EQ(model.load(0, 1, false, 0, later).wait_ps, 240'000U);
  EXPECT_EQ(model.load(1, 1, false, 0, {20'000'000, 20'000}).wait_ps, 120'000U);
  EXPECT_EQ(model.load(1, 0, false, 0, {30'000'000, 30'000}).wait_ps, 160'000U);
}

}  // namespace
}  // namespace tier::lab
