#include "core/time_budget.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(TimeBudget, InTheLongRunOnlyTheShareIsSpentWhateverOnePieceCosts) {
  for (const Nanoseconds price : {Nanoseconds(milliseconds(1)), Nanoseconds(milliseconds(300))}) {
    TimeBudget budget(0.01, milliseconds(50));
    Nanoseconds now{}, spent{};
    for (int tick = 0; tick < 100000; ++tick) {
      now += milliseconds(100);
      budget.advance(now);
      if (!budget.open()) continue;
      budget.spend(price);
      spent += price;
    }
    EXPECT_EQ(budget.spent(), spent);
    EXPECT_LE(
        static_cast<double>(spent.count()),
        0.01 * static_cast<double>(now.count()) + static_cast<double>((milliseconds(50) + price).count()));
    EXPECT_GE(static_cast<double>(spent.count()), 0.0099 * static_cast<double>(now.count()));
  }
}

TEST(TimeBudget, SavesUpToItsLimitAndClocksThatGoBackAddNothing) {
  TimeBudget budget(0.5, milliseconds(10));
  budget.advance(seconds(100));
  EXPECT_EQ(budget.left(), milliseconds(10));
  budget.spend(milliseconds(15));
  EXPECT_FALSE(budget.open());
  EXPECT_EQ(budget.affordable(milliseconds(1), 9), 0U);
  budget.advance(seconds(50));
  EXPECT_EQ(budget.left(), milliseconds(-5));
  budget.advance(seconds(100) + milliseconds(16));
  EXPECT_EQ(budget.left(), milliseconds(3));
  EXPECT_EQ(budget.affordable(milliseconds(1), 9), 4U);
  EXPECT_EQ(budget.affordable(milliseconds(1), 2), 2U);
  EXPECT_EQ(budget.affordable(Nanoseconds(0), 7), 7U);
  budget.advance(seconds(1000));
  EXPECT_EQ(budget.left(), milliseconds(10));
}

}  // namespace
}  // namespace tier
