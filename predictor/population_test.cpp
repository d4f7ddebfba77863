#include "predictor/population.h"

#include <gtest/gtest.h>

#include <random>

namespace tier {
namespace {

// Counts over `ticks` undiscounted ticks: exposure and noise are both `ticks`.
RatePrior fit(const std::vector<double>& rates, int ticks, std::uint32_t seed) {
  std::mt19937 random(seed);
  Population population;
  for (const double rate : rates) {
    std::poisson_distribution<int> count(rate * ticks);
    population.add(count(random), ticks, ticks);
  }
  return population.fit(1);
}

TEST(Population, RegionsThatAreAlikeGiveAStrongPrior) {
  const RatePrior prior = fit(std::vector<double>(600, 0.33), 14, 1);
  EXPECT_GT(prior.shape, 20);
  EXPECT_NEAR(prior.shape / prior.exposure, 0.33, 0.03);
}

TEST(Population, AHotSetGivesAWeakPrior) {
  std::vector<double> rates(600, 0.037);
  for (std::size_t i = 0; i < 64; ++i) rates[i * 9] = 2.8;
  const RatePrior prior = fit(rates, 14, 2);
  EXPECT_LT(prior.shape, 0.3);
}

TEST(Population, RecoversTheShapeOfAGammaPopulation) {
  std::mt19937 random(3);
  std::gamma_distribution<double> gamma(2.0, 0.5);
  std::vector<double> rates(4000);
  for (double& rate : rates) rate = gamma(random);
  const RatePrior prior = fit(rates, 14, 4);
  EXPECT_NEAR(prior.shape, 2.0, 0.25);
  EXPECT_NEAR(prior.exposure, 2.0, 0.25);
}

TEST(Population, NoSamplesAtAllIsNoReasonToFail) {
  Population population;
  EXPECT_GT(population.fit(1).shape, 0);
  population.add(0, 10, 10, 500);
  EXPECT_GT(population.fit(1).exposure, 0);
}

}  // namespace
}  // namespace tier
