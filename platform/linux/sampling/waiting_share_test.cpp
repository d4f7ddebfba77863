#include "platform/linux/sampling/waiting_share.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace tier {
namespace {

// The instructions of a loop: true for one that accesses memory.
using Loop = std::vector<bool>;

X86Transition step_at(const Loop& loop, std::size_t next) {
  X86Transition step;
  step.behind_accesses = loop[(next + loop.size() - 1) % loop.size()];
  step.at_accesses = loop[next];
  return step;
}

// Samples of a thread that spends one unit of time at each instruction and `waits[i]` more at instruction i.
struct Program {
  Loop loop;
  std::vector<double> waits;
  std::mt19937 random{1};

  // The instruction that the pointer shows: behind the one that takes the time.
  std::size_t sample() {
    std::vector<double> time(loop.size());
    for (std::size_t i = 0; i < loop.size(); ++i) time[i] = 1 + waits[i];
    return (std::discrete_distribution<std::size_t>(time.begin(), time.end())(random) + 1) % loop.size();
  }
};

const Loop kLoop = {true, false, false, true, false, true, true, false, false, false};
const X86Transition kOut = step_at(kLoop, 1), kInside = step_at(kLoop, 2);

TEST(WaitingShare, AProgramIsTakenToWaitUntilItIsKnown) {
  WaitingShare share;
  EXPECT_EQ(share.of(kOut, true, std::nullopt), 1);
  EXPECT_EQ(share.of(kInside, true, std::nullopt), 0) << "there is nothing behind which it could wait";
}

TEST(WaitingShare, OneThatComputesWaitsForNothing) {
  Program program{kLoop, std::vector<double>(kLoop.size(), 0)};
  WaitingShare share;
  for (int i = 0; i < 5000; ++i) share.add(step_at(kLoop, program.sample()));
  EXPECT_LT(share.of(kOut, true, std::nullopt), 0.15);
  EXPECT_LT(share.of(step_at(kLoop, 0), false, std::nullopt), 0.15);
}

TEST(WaitingShare, OneThatWaitsIsTakenAtItsWord) {
  Program program{kLoop, std::vector<double>(kLoop.size(), 0)};
  program.waits[3] = 27;  // of 37 units of time; 31 of them end in a step out of accesses
  WaitingShare share;
  for (int i = 0; i < 5000; ++i) share.add(step_at(kLoop, program.sample()));
  EXPECT_NEAR(share.of(kOut, true, std::nullopt), 27.0 / 30, 0.05);
}

TEST(WaitingShare, ThePlaceTellsWhichAccessItIs) {
  Program program{kLoop, std::vector<double>(kLoop.size(), 0)};
  program.waits[3] = 27;
  WaitingShare share;
  std::vector<std::uint64_t> seen(kLoop.size());
  for (int i = 0; i < 2000; ++i) {
    const std::size_t at = program.sample();
    share.add(step_at(kLoop, at)), ++seen[at];
  }
  const auto place = [&](std::size_t access) { return SampledPlace{seen[access + 1], seen[access]}; };
  EXPECT_GT(share.of(kOut, true, place(3)), 0.9) << "this one is waited for";
  EXPECT_LT(share.of(kOut, true, place(0)), 0.3) << "this one lies in a cache";
  EXPECT_DOUBLE_EQ(share.of(kOut, true, SampledPlace{1, 0}), share.of(kOut, true, std::nullopt) * 0.8 + 0.2)
      << "one sample says little of a place";
}

TEST(WaitingShare, WhatItDidLongAgoIsForgotten) {
  WaitingShare share;
  Program program{kLoop, std::vector<double>(kLoop.size(), 0)};
  program.waits[3] = 270;
  for (int i = 0; i < 20000; ++i) share.add(step_at(kLoop, program.sample()));
  program.waits[3] = 0;
  for (int i = 0; i < 10000; ++i) share.add(step_at(kLoop, program.sample()));
  EXPECT_LT(share.of(kOut, true, std::nullopt), 0.2);
}

TEST(Drawn, AsOftenAsTheShareSays) {
  int drawn_of_thousand = 0;
  for (std::uint64_t i = 0; i < 1000; ++i) drawn_of_thousand += drawn(0.3, 4'000'000 * i, 0x401000) ? 1 : 0;
  EXPECT_NEAR(drawn_of_thousand, 300, 60);
  EXPECT_EQ(drawn(0.3, 17, 4), drawn(0.3, 17, 4));
  EXPECT_FALSE(drawn(0, 17, 4));
  EXPECT_TRUE(drawn(1, 17, 4));
}

}  // namespace
}  // namespace tier
