#include "predictor/gamma_quantile.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "core/quantiles.h"

namespace tier {
namespace {

struct Known {
  double shape, low, high;  // half the chi-square quantiles with 2 * shape degrees of freedom
};

TEST(GammaQuantile, AgreesWithTheTablesOfTheChiSquareDistribution) {
  for (const Known& known : {Known{0.5, 0.00789539, 1.352772}, Known{1, 0.1053605, 2.302585},
                             Known{10, 6.221305, 14.20599}, Known{500, 471.5665, 528.862}}) {
    EXPECT_NEAR(gamma_ratios(known.shape).low * known.shape / known.low, 1, 1e-4) << known.shape;
    EXPECT_NEAR(gamma_ratios(known.shape).high * known.shape / known.high, 1, 1e-4) << known.shape;
  }
}

// The shapes between the table's points too, of which those near 0.15 are the worst.
TEST(GammaQuantile, IsWithinOnePerCentOfTheExactValue) {
  for (double shape = 0.01; shape < 1e5; shape *= 1.007) {
    const double low = gamma_quantile(shape, 0.1) / shape, high = gamma_quantile(shape, 0.9) / shape;
    if (low > 1e-6) {
      EXPECT_NEAR(gamma_ratios(shape).low / low, 1, 0.01) << shape;
    }
    EXPECT_NEAR(gamma_ratios(shape).high / high, 1, 0.01) << shape;
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
    EXPECT_NEAR(below(gamma_ratios(shape).low * shape), 0.1, 0.008) << shape;
    EXPECT_NEAR(below(gamma_ratios(shape).high * shape), 0.9, 0.008) << shape;
  }
}

TEST(GammaQuantile, BracketsTheMeanTighterWithMoreEvidence) {
  double low = 0, high = 1e9;
  for (double shape = 0.5; shape < 2e5; shape *= 1.3) {
    EXPECT_GE(gamma_ratios(shape).low, low);
    EXPECT_LT(gamma_ratios(shape).low, 1);
    EXPECT_LE(gamma_ratios(shape).high, high);
    EXPECT_GT(gamma_ratios(shape).high, 1);
    low = gamma_ratios(shape).low, high = gamma_ratios(shape).high;
  }
}

TEST(GammaQuantile, ShapesBeyondTheTableAreItsEnds) {
  for (const auto& [beyond, end] : {std::pair{0.0, 0.01}, {-1.0, 0.01}, {1e-9, 0.01}, {1e300, 1e5}}) {
    EXPECT_EQ(gamma_ratios(beyond).low, gamma_ratios(end).low) << beyond;
    EXPECT_EQ(gamma_ratios(beyond).high, gamma_ratios(end).high) << beyond;
  }
}

}  // namespace
}  // namespace tier
