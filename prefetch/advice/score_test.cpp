#include "prefetch/advice/score.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

using namespace std::chrono_literals;

constexpr AdviceScoreSettings kSettings{
    .least_useful = 0.5, .evidence = 8_MiB, .first_rest = 10s, .longest_rest = 60s};
constexpr Bytes kAll{UINT64_MAX};

class AdviceScoreTest : public ::testing::Test {
 protected:
  void judge(Bytes advised, double share, Nanoseconds now) {
    score_.judged(advised, {static_cast<std::uint64_t>(share * static_cast<double>(advised.value))}, now);
  }
  void give_and_judge(Bytes advised, double share, Nanoseconds now) {
    score_.given(advised);
    judge(advised, share, now);
  }
  AdviceScore score_{kSettings};
};

TEST_F(AdviceScoreTest, BeginsWithALittleAndLeadsWhenThatWasUsed) {
  EXPECT_EQ(score_.allowance(0s), 8_MiB);
  score_.given(6_MiB);
  EXPECT_EQ(score_.allowance(1s), 2_MiB);
  score_.given(4_MiB);
  EXPECT_EQ(score_.allowance(2s), Bytes{});
  EXPECT_FALSE(score_.useful_share());
  judge(6_MiB, 0.75, 3s);
  EXPECT_EQ(score_.allowance(3s), Bytes{}) << "6 MiB are no verdict yet";
  judge(4_MiB, 0.5, 4s);
  EXPECT_EQ(score_.allowance(4s), kAll);
  EXPECT_NEAR(*score_.useful_share(), 0.65, 1e-9);
}

TEST_F(AdviceScoreTest, RestsTwiceAsLongEveryTimeInARow) {
  Nanoseconds now{};
  for (const Nanoseconds rest : {10s, 20s, 40s, 60s, 60s}) {
    ASSERT_EQ(score_.allowance(now), 8_MiB);
    give_and_judge(8_MiB, 0.4, now);
    EXPECT_EQ(score_.allowance(now), Bytes{});
    EXPECT_EQ(score_.allowance(now + rest - 1ns), Bytes{});
    now += rest;
  }
  give_and_judge(8_MiB, score_.allowance(now) == 8_MiB ? 1 : 0, now);
  EXPECT_EQ(score_.allowance(now), kAll);
  // What was useful for once rests shortly again.
  for (int i = 0; i < 20; ++i) give_and_judge(8_MiB, 0, now);
  EXPECT_EQ(score_.allowance(now + 10s - 1ns), Bytes{});
  EXPECT_EQ(score_.allowance(now + 10s), 8_MiB);
}

TEST_F(AdviceScoreTest, OldSuccessIsForgotten) {
  for (int i = 0; i < 1000; ++i) give_and_judge(8_MiB, 1, 1s);
  int batches = 0;
  while (score_.allowance(2s) == kAll && batches < 1000) give_and_judge(8_MiB, 0, 2s), ++batches;
  EXPECT_LE(batches, 4) << "32 MiB are what counts";
}

TEST_F(AdviceScoreTest, WhatCannotBeJudgedIsGivenAgain) {
  score_.given(8_MiB);
  EXPECT_EQ(score_.allowance(1s), Bytes{});
  score_.dropped(8_MiB);
  EXPECT_EQ(score_.allowance(1s), 8_MiB);
}

TEST_F(AdviceScoreTest, NoMoreCountsAsUsedThanWasAdvised) {
  score_.given(8_MiB);
  score_.judged(8_MiB, 80_MiB, 0s);
  EXPECT_DOUBLE_EQ(*score_.useful_share(), 1);
}

}  // namespace
}  // namespace tier
