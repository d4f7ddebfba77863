#include "tierd/ledger/margin.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

// `swaps` a tick, each earning so much, for `ticks` ticks.
void run(Margin& margin, int ticks, int swaps, double promise, double earned) {
  for (int t = 0; t < ticks; ++t) {
    for (int i = 0; i < swaps; ++i) margin.add(promise, earned);
    margin.close_tick(0);
  }
}

TEST(Margin, StaysAtItsStartWithoutEvidence) {
  Margin margin({.start = 1.5});
  run(margin, 10, 0, 0, 0);
  EXPECT_EQ(margin.value(), 1.5);
}

TEST(Margin, RisesAboveWhatLosesAndBelowWhatEarns) {
  Margin margin;
  for (int t = 0; t < 20; ++t) {
    for (int i = 0; i < 10; ++i) margin.add(3, -1e-3), margin.add(20, 5e-3);
    margin.close_tick(0);
  }
  EXPECT_GT(margin.value(), 3);
  EXPECT_LT(margin.value(), 20);
}

TEST(Margin, WhereNothingEarnsNothingMoves) {
  Margin margin;
  run(margin, 20, 10, 3, -1e-3);
  run(margin, 20, 10, 900, -1e-3);
  EXPECT_EQ(margin.value(), margin.most());
}

TEST(Margin, SecondsCountNotSwaps) {
  Margin margin;
  for (int t = 0; t < 20; ++t) {
    for (int i = 0; i < 9; ++i) margin.add(3, -1e-4);
    margin.add(3, 2e-3);
    margin.close_tick(0);
  }
  EXPECT_EQ(margin.value(), 1);
}

TEST(Margin, AFewLossesWithinChanceChangeNothing) {
  Margin margin;
  margin.add(3, 1e-3), margin.add(3, -1.5e-3);
  margin.close_tick(0);
  EXPECT_EQ(margin.value(), 1);
}

TEST(Margin, FallsAgainSoonAfterSwapsBeginToEarn) {
  Margin margin;
  run(margin, 200, 10, 3, -1e-3);
  ASSERT_GT(margin.value(), 3);
  int ticks = 0;
  while (margin.value() > 1 && ticks < 100) run(margin, 1, 10, 3, 1e-3), ++ticks;
  EXPECT_LE(ticks, 14) << "it must not remember longer than it learns";
}

TEST(Margin, ATrifleIsNotWorthABound) {
  Margin margin;
  for (int t = 0; t < 20; ++t) {
    for (int i = 0; i < 10; ++i) margin.add(3, -1e-4), margin.add(40, 2e-3);
    margin.close_tick(0);
  }
  EXPECT_EQ(margin.value(), 1) << "a twentieth of what the others earn";
  Margin alone, waiting;
  run(alone, 20, 10, 3, -1e-4);
  for (int t = 0; t < 20; ++t) {
    for (int i = 0; i < 10; ++i) waiting.add(3, -1e-4);
    waiting.close_tick(0.5);
  }
  EXPECT_GT(alone.value(), 3);
  EXPECT_EQ(waiting.value(), 1) << "a millisecond where programs wait for half a second";
}

// Random look-ups without a hot set: half of the swaps earn by chance, and all together lose half a percent.
void run_without_hot_set(Margin& margin, int ticks) {
  for (int t = 0; t < ticks; ++t) {
    for (int i = 0; i < 5; ++i) margin.add(3, 4e-3), margin.add(3, -5e-3);
    margin.close_tick(1.0);
  }
}

TEST(Margin, ASmallLossThatGoesOnIsStopped) {
  Margin margin;
  run_without_hot_set(margin, 20);
  EXPECT_EQ(margin.value(), 1) << "it may be chance";
  run_without_hot_set(margin, 80);
  EXPECT_GT(margin.value(), 3);
}

TEST(Margin, APhaseThatEarnsOverrulesALongLoss) {
  Margin margin;
  run_without_hot_set(margin, 1000);
  int ticks = 0;
  for (; margin.value() > 1 && ticks < 100; ++ticks) {
    for (int i = 0; i < 10; ++i) margin.add(3, 5e-3);
    margin.close_tick(1.0);
  }
  EXPECT_LE(ticks, 4);
}

TEST(Margin, WhatPromisesLessThanTheStartOrNothingIsNotLearntFrom) {
  Margin margin({.start = 2});
  run(margin, 20, 10, 1.5, -1);
  run(margin, 20, 10, 0, -1);
  EXPECT_EQ(margin.value(), 2);
}

}  // namespace
}  // namespace tier
