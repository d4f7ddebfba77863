#include "predictor/blend.h"

#include <gtest/gtest.h>

#include <random>

#include "predictor/outcomes_fixture.h"

namespace tier {
namespace {

// Two experts that each know one half of the truth, and one that knows nothing.
Outcomes halves(std::mt19937& random, float first, float second) {
  std::vector<std::vector<float>> forecasts(3, std::vector<float>(200));
  std::vector<float> came(200);
  for (std::size_t i = 0; i < came.size(); ++i) {
    for (auto& forecast : forecasts) forecast[i] = static_cast<float>(random() % 100);
    came[i] = first * forecasts[0][i] + second * forecasts[1][i];
  }
  return outcomes_of(forecasts, came, 20);
}

TEST(Blend, FindsTheWeights) {
  std::mt19937 random(1);
  Blend blend(3);
  EXPECT_FALSE(blend.ready());
  for (int t = 0; t < 40; ++t) blend.add(halves(random, 0.7F, 0.3F), 1);
  ASSERT_TRUE(blend.ready());
  blend.solve(0, {0, 0, 0});
  EXPECT_NEAR(blend.weights()[0], 0.7, 0.05);
  EXPECT_NEAR(blend.weights()[1], 0.3, 0.05);
  EXPECT_NEAR(blend.weights()[2], 0, 0.05);
}

TEST(Blend, FollowsAChange) {
  std::mt19937 random(2);
  Blend blend(3);
  for (int t = 0; t < 100; ++t) blend.add(halves(random, 1, 0), 1);
  for (int t = 0; t < 100; ++t) blend.add(halves(random, 0, 1), 1);
  blend.solve(1, {0, 0, 0});
  EXPECT_NEAR(blend.weights()[1], 1, 0.1);
  EXPECT_LT(blend.weights()[0], 0.1);
}

TEST(Blend, NeverSubtractsAndNeverGrowsDemand) {
  std::mt19937 random(3);
  Blend blend(3);
  for (int t = 0; t < 40; ++t) {
    Outcomes outcomes = halves(random, 3, 0);
    for (std::size_t i = 0; i < outcomes.came.size(); ++i)
      outcomes.came[i] = std::max(0.0F, outcomes.came[i] - outcomes.of(1)[i]);
    blend.add(outcomes, 1);
  }
  blend.solve(0, {0, 0, 0});
  double sum = 0;
  for (const double weight : blend.weights()) EXPECT_GE(weight, 0), sum += weight;
  EXPECT_LE(sum, 1.2501);
}

TEST(Blend, TheBarredHaveNoWeight) {
  std::mt19937 random(4);
  Blend blend(3);
  for (int t = 0; t < 40; ++t) blend.add(halves(random, 0.5F, 0.5F), 1);
  blend.solve(1, {1, 0, 0});
  EXPECT_EQ(blend.weights()[0], 0);
  EXPECT_GT(blend.weights()[1], 0.4);
}

}  // namespace
}  // namespace tier
