#include "predictor/gamma_quantile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace tier {
namespace {

struct Known {
  double shape, low, high;  // half the chi-square quantiles with 2 * shape degrees of freedom
};

TEST(GammaQuantile, AgreesWithTheTablesOfTheChiSquareDistribution) {
  for (const Known& known : {Known{0.5, 0.00789539, 1.352772}, Known{1, 0.1053605, 2.302585},
                             Known{10, 6.221305, 14.20599}, Known{500, 471.5665, 528.862}}) {
    EXPECT_NEAR(gamma_low_ratio(known.shape) * known.shape / known.low, 1, 0.02) << known.shape;
    EXPECT_NEAR(gamma_high_ratio(known.shape) * known.shape / known.high, 1, 0.02) << known.shape;
  }
}

TEST(GammaQuantile, AgreesWithDrawnSamplesBetweenTheTablesPoints) {
  std::mt19937 random(5);
  for (const double shape : {0.147, 0.83, 3.3, 27.7}) {
    std::gamma_distribution<double> gamma(shape, 1);
    std::vector<double> drawn(40'000);
    for (double& x : drawn) x = gamma(random);
    const auto below = [&](double x) {
      return static_cast<double>(std::count_if(drawn.begin(), drawn.end(), [&](double d) { return d < x; })) /
             static_cast<double>(drawn.size());
    };
    EXPECT_NEAR(below(gamma_low_ratio(shape) * shape), 0.1, 0.008) << shape;
    EXPECT_NEAR(below(gamma_high_ratio(shape) * shape), 0.9, 0.008) << shape;
  }
}

TEST(GammaQuantile, BracketsTheMeanTighterWithMoreEvidence) {
  double low = 0, high = 1e9;
  for (double shape = 0.5; shape < 2e5; shape *= 1.3) {
    EXPECT_GE(gamma_low_ratio(shape), low);
    EXPECT_LT(gamma_low_ratio(shape), 1);
    EXPECT_LE(gamma_high_ratio(shape), high);
    EXPECT_GT(gamma_high_ratio(shape), 1);
    low = gamma_low_ratio(shape), high = gamma_high_ratio(shape);
  }
}

}  // namespace
}  // namespace tier
