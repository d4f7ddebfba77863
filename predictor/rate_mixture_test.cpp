#include "predictor/rate_mixture.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "predictor/outlook_table.h"

namespace tier {
namespace {

constexpr double kTicks = 14;

std::vector<RateObservation> observe(std::size_t quiet, double quiet_rate, std::size_t busy, double busy_rate,
                                     std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<RateObservation> list;
  for (std::size_t i = 0; i < quiet + busy; ++i) {
    std::poisson_distribution<int> count((i < quiet ? quiet_rate : busy_rate) * kTicks);
    list.push_back({static_cast<double>(count(random)), kTicks, kTicks, 1});
  }
  return list;
}

RateMixture learnt(const std::vector<RateObservation>& observations, int rounds = 10) {
  RateMixture mixture;
  for (int i = 0; i < rounds; ++i) mixture.learn(observations, 1);
  return mixture;
}

double mean_of(const RateMixture& mixture, double samples) {
  return mixture.posterior(samples, kTicks, mixture.log_exposures(kTicks)).mean;
}

TEST(RateMixture, TellsAHotSetFromTheRest) {
  const RateMixture mixture = learnt(observe(536, 0.037, 64, 2.8, 1));
  EXPECT_NEAR(mixture.share(1), 64.0 / 600, 0.02);
  EXPECT_NEAR(mixture.kind(0).shape / mixture.kind(0).exposure, 0.037, 0.015);
  EXPECT_NEAR(mixture.kind(1).shape / mixture.kind(1).exposure, 2.8, 0.3);
}

TEST(RateMixture, OneLuckySampleMakesNoRegionWarm) {
  const RateMixture mixture = learnt(observe(536, 0.037, 64, 2.8, 2));
  EXPECT_LT(mean_of(mixture, 2), 2.5 * mean_of(mixture, 0));
  EXPECT_GT(mean_of(mixture, 30), 1.5);
}

TEST(RateMixture, WhereAllAreAlikeAllAreForecastAlike) {
  const RateMixture mixture = learnt(observe(600, 0.33, 0, 0, 3));
  EXPECT_LT(mean_of(mixture, 10), 2 * mean_of(mixture, 1));
}

TEST(RateMixture, AHotSetThatAppearsLaterIsFound) {
  RateMixture mixture = learnt(observe(600, 0.33, 0, 0, 4), 50);
  const auto later = observe(536, 0.037, 64, 2.8, 5);
  for (int i = 0; i < 10; ++i) mixture.learn(later, 1);
  EXPECT_NEAR(mixture.share(1), 64.0 / 600, 0.02);
}

TEST(RateMixture, TheTableAgreesWithTheDirectAnswer) {
  const RateMixture mixture = learnt(observe(536, 0.037, 64, 2.8, 6));
  auto table = std::make_unique<OutlookTable>();
  const double after = kTicks + 1;
  table->reset(mixture, kTicks, after, 2);
  const auto logs = mixture.log_exposures(kTicks), logs_after = mixture.log_exposures(after);
  for (const double samples : {0.0, 1.0, 2.5, 40.0, 63.875, 200.0}) {
    for (int twice = 0; twice < 2; ++twice) {
      const Outlook outlook = table->at(static_cast<float>(samples));
      const auto was = mixture.posterior(samples, kTicks, logs);
      const auto is = mixture.posterior(samples, after, logs_after);
      EXPECT_DOUBLE_EQ(outlook.mean_before, was.mean) << samples;
      EXPECT_DOUBLE_EQ(outlook.variance_before, was.variance) << samples;
      EXPECT_DOUBLE_EQ(outlook.log_before, was.log_marginal) << samples;
      EXPECT_DOUBLE_EQ(outlook.mean, is.mean) << samples;
      EXPECT_DOUBLE_EQ(outlook.variance, is.variance) << samples;
      EXPECT_DOUBLE_EQ(outlook.log_after, is.log_marginal) << samples;
      EXPECT_DOUBLE_EQ(outlook.silence, std::exp((is.log_marginal - was.log_marginal) / 2)) << samples;
    }
  }
  table->reset(mixture, 3, 4, 1);
  EXPECT_DOUBLE_EQ(table->at(1).mean_before, mixture.posterior(1, 3, mixture.log_exposures(3)).mean)
      << "no stale entry";
}

}  // namespace
}  // namespace tier
