#include "predictor/contest.h"

#include <gtest/gtest.h>

#include "predictor/outcomes_fixture.h"

namespace tier {
namespace {

const std::vector<std::uint8_t> kNobody = {0, 0, 0};

ContestSettings ranking_only(double hysteresis = 0.005) { return {0.9, hysteresis, 0}; }

void add(Contest& contest, const Outcomes& outcomes) { contest.add({&outcomes, 1}, &outcomes); }

TEST(Contest, FollowsWhoCapturesMost) {
  Contest contest(3, 1, ranking_only());
  EXPECT_EQ(contest.leader(), 1U);
  contest.elect(kNobody);
  EXPECT_EQ(contest.leader(), 1U) << "without scores the first leads";
  // Room for one of two regions; candidates say: the first, both alike, the second.
  add(contest, outcomes_of({{2, 1}, {1, 1}, {1, 2}}, {9, 1}, 1));
  contest.elect(kNobody);
  EXPECT_EQ(contest.leader(), 0U);
  EXPECT_DOUBLE_EQ(contest.captured(0), 0.9);
  EXPECT_DOUBLE_EQ(contest.captured(1), 0.5);
  EXPECT_NEAR(contest.captured(2), 0.1, 1e-9);
}

TEST(Contest, OldScoresFade) {
  Contest contest(3, 0, ranking_only());
  for (int t = 0; t < 50; ++t) add(contest, outcomes_of({{2, 1}, {1, 1}, {1, 2}}, {9, 1}, 1));
  int ticks = 0;
  do {
    add(contest, outcomes_of({{2, 1}, {1, 1}, {1, 2}}, {1, 9}, 1));
    contest.elect(kNobody);
    ++ticks;
  } while (contest.leader() != 2 && ticks < 50);
  EXPECT_NEAR(ticks, 7, 1) << "0.9^7 is half";
}

TEST(Contest, ALittleBetterIsNotEnough) {
  const auto close = outcomes_of({{2, 1, 0}, {1, 2, 0}, {0, 0, 0}}, {50, 51, 0}, 1);
  Contest patient(3, 0, ranking_only(0.05)), eager(3, 0, ranking_only(0));
  for (int t = 0; t < 30; ++t) add(patient, close), add(eager, close);
  patient.elect(kNobody), eager.elect(kNobody);
  EXPECT_EQ(patient.leader(), 0U);
  EXPECT_EQ(eager.leader(), 1U);
}

TEST(Contest, AmongEqualChoicesTheTruerLevelLeads) {
  const auto level = outcomes_of({{20, 10}, {10, 5}, {1, 2}}, {10, 5}, 1);
  Contest blind(3, 0, ranking_only()), seeing(3, 0, {0.9, 0.005, 0.1});
  add(blind, level), add(seeing, level);
  blind.elect(kNobody), seeing.elect(kNobody);
  EXPECT_EQ(blind.leader(), 0U);
  EXPECT_EQ(seeing.leader(), 1U);
}

TEST(Contest, TheBarredDoNotLead) {
  Contest contest(3, 0, ranking_only());
  auto outcomes = outcomes_of({{2, 1}, {2, 1}, {1, 2}}, {9, 1}, 1);
  outcomes.valid[1] = false;
  add(contest, outcomes);
  contest.elect({1, 0, 0});
  EXPECT_EQ(contest.leader(), 2U) << "1 has no scores";
  contest.elect({1, 1, 1});
  EXPECT_EQ(contest.leader(), 2U) << "somebody must";
}

TEST(Contest, AChangeShowsBeforeTheLastForecastIsDue) {
  // A forecast over four ticks that is one tick old counts already.
  auto outcomes = outcomes_of({{2, 1}, {1, 2}, {1, 1}}, {1, 9}, 1);
  Contest contest(3, 0, ranking_only());
  contest.add({&outcomes, 1}, nullptr);
  contest.elect(kNobody);
  EXPECT_EQ(contest.leader(), 1U);
  outcomes.under_way = false;
  contest.forget(0);
  contest.add({&outcomes, 1}, nullptr);
  EXPECT_EQ(contest.score(1), 0) << "no longer under way";
}

}  // namespace
}  // namespace tier
