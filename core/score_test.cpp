#include "core/score.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace tier {
namespace {

TEST(PinballLoss, IsLeastAtTheTrueQuantile) {
  std::mt19937 random(3);
  std::exponential_distribution<double> outcome(1);
  std::vector<double> outcomes(20'000);
  for (double& o : outcomes) o = outcome(random);
  const auto loss = [&](double forecast) {
    double sum = 0;
    for (const double o : outcomes) sum += pinball_loss(o, forecast, 0.9);
    return sum;
  };
  const double true_quantile = 2.302585;  // of the unit exponential at 0.9
  EXPECT_LT(loss(true_quantile), loss(true_quantile * 0.8));
  EXPECT_LT(loss(true_quantile), loss(true_quantile * 1.2));
}

TEST(PinballLoss, WeighsTheTwoSidesByTheQuantile) {
  EXPECT_DOUBLE_EQ(pinball_loss(3, 1, 0.9), 1.8);
  EXPECT_DOUBLE_EQ(pinball_loss(1, 3, 0.9), 0.2);
  EXPECT_DOUBLE_EQ(pinball_loss(2, 2, 0.1), 0);
}

TEST(BestDemand, TakesTheDensestFirstAndTheLastInPart) {
  const std::vector<PlacedDemand> regions = {{10, 2_MiB}, {9, 1_MiB}, {1, 4_MiB}};
  EXPECT_DOUBLE_EQ(best_demand(regions, 1_MiB), 9);
  EXPECT_DOUBLE_EQ(best_demand(regions, 2_MiB), 14);
  EXPECT_DOUBLE_EQ(best_demand(regions, 5_MiB), 19.5);
  EXPECT_DOUBLE_EQ(best_demand(regions, 1_GiB), 20);
  EXPECT_DOUBLE_EQ(best_demand(regions, {}), 0);
}

TEST(CapturedDemand, SharesTheEdgeAmongThoseForecastAlike) {
  std::vector<float> scratch;
  const std::vector<float> forecast = {5, 1, 1, 1, 0}, outcome = {2, 9, 0, 3, 50};
  EXPECT_DOUBLE_EQ(captured_demand(forecast, outcome, 1, scratch), 2);
  EXPECT_DOUBLE_EQ(captured_demand(forecast, outcome, 2, scratch), 2 + 4);
  EXPECT_DOUBLE_EQ(captured_demand(forecast, outcome, 4, scratch), 2 + 12);
  EXPECT_DOUBLE_EQ(captured_demand(forecast, outcome, 5, scratch), 64);
  EXPECT_DOUBLE_EQ(captured_demand(forecast, outcome, 9, scratch), 64);
  EXPECT_DOUBLE_EQ(captured_demand(forecast, outcome, 0, scratch), 0);
}

TEST(ChooseHighest, WeighsAsCapturedDemandCounts) {
  std::mt19937 random(4);
  std::vector<float> forecast(40), outcome(40), weights(40), scratch;
  for (float& value : forecast) value = static_cast<float>(random() % 6);
  for (float& value : outcome) value = static_cast<float>(random() % 100);
  for (const std::size_t count : {0UL, 1UL, 7UL, 20UL, 39UL, 40UL, 41UL}) {
    choose_highest(forecast, count, weights, scratch);
    double sum = 0, chosen = 0;
    for (std::size_t i = 0; i < weights.size(); ++i) sum += weights[i] * outcome[i], chosen += weights[i];
    EXPECT_NEAR(sum, captured_demand(forecast, outcome, count, scratch), 1e-3) << count;
    EXPECT_NEAR(chosen, static_cast<double>(std::min<std::size_t>(count, 40)), 1e-4) << count;
  }
}

}  // namespace
}  // namespace tier
