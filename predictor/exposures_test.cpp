#include "predictor/exposures.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

constexpr NodeId kFast{0}, kSlow{1};

class ExposuresTest : public ::testing::Test {
 protected:
  void ticks(int count, const std::vector<NodeVisibility>& nodes) {
    for (int t = 0; t < count; ++t) {
      const RunLengths::Step step = runs_.advance();
      exposures_.advance(nodes, 1, runs_, step);
    }
  }
  RunLengths runs_;
  Exposures exposures_;
};

TEST_F(ExposuresTest, TheSlowestNodesFirstTickIsTheUnit) {
  ticks(20, {{kFast, 0.02}, {kSlow, 0.1}});
  EXPECT_DOUBLE_EQ(exposures_.now(exposures_.place_of(kFast)), 0.2);
  EXPECT_DOUBLE_EQ(exposures_.now(exposures_.place_of(kSlow)), 1);
  for (std::size_t i = 0; i < runs_.count(); ++i)
    EXPECT_NEAR(exposures_.mean(exposures_.place_of(kFast), runs_.slot(i)), 0.2, 1e-9);
  EXPECT_EQ(exposures_.place_of(NodeId{-1}), exposures_.slowest());
  EXPECT_EQ(exposures_.slowest(), exposures_.place_of(kSlow));
}

TEST_F(ExposuresTest, EachHypothesisRemembersTheTicksItSaw) {
  ticks(10, {{kFast, 0.1}, {kSlow, 0.1}});
  ticks(1, {{kFast, 0.05}, {kSlow, 0.1}});
  const std::size_t fast = exposures_.place_of(kFast);
  EXPECT_DOUBLE_EQ(exposures_.mean(fast, runs_.slot(runs_.count() - 1)), 0.5) << "saw this tick alone";
  EXPECT_NEAR(exposures_.mean(fast, runs_.slot(runs_.count() - 2)), 0.75, 1e-9) << "two ticks";
  EXPECT_NEAR(exposures_.mean(fast, 0), 1 - 0.5 / 11, 0.01) << "always";
  EXPECT_NEAR(exposures_.recent(fast), 1 - 0.5 * 0.07, 1e-9);
}

TEST_F(ExposuresTest, ANodeThatAppearsCountsAsIfItHadAlwaysBeenThere) {
  ticks(30, {{kSlow, 0.1}});
  ticks(1, {{kFast, 0.05}, {kSlow, 0.1}});
  const std::size_t fast = exposures_.place_of(kFast);
  for (std::size_t i = 0; i < runs_.count(); ++i) EXPECT_DOUBLE_EQ(exposures_.mean(fast, runs_.slot(i)), 0.5);
}

TEST_F(ExposuresTest, UnknownVisibilityIsWhole) {
  ticks(5, {{kFast, 0}, {kSlow, 0}});
  EXPECT_DOUBLE_EQ(exposures_.now(0), 1);
  ticks(5, {});
  EXPECT_EQ(exposures_.places(), 1u);
  EXPECT_DOUBLE_EQ(exposures_.now(0), 1);
}

}  // namespace
}  // namespace tier
