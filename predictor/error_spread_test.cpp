#include "predictor/error_spread.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

#include "predictor/outcomes_fixture.h"

namespace tier {
namespace {

constexpr double kWeight = 1000;
constexpr std::size_t kRegions = 300;

struct Share {
  double below = 0, above = 0;
};

DemandQuantiles about(const ErrorSpread& spread, float forecast, double weight, const ErrorSpread& sooner) {
  std::vector<DemandForecast> set(1);
  spread.about({&forecast, 1}, weight, sooner, 0, set);
  return set[0].horizons[0];
}
DemandQuantiles about(const ErrorSpread& spread, float forecast, double weight) {
  return about(spread, forecast, weight, spread);
}

// Forecasts of a horizon of one tick about which the truth scatters as `truth` says; counts are Poisson about
// the truth. Returns how much of the truth lies outside the quantiles, over the second half of the ticks.
Share outside(ErrorSpread& spread, double samples, const std::function<double(std::mt19937&)>& truth,
              std::uint32_t seed, int ticks = 300) {
  std::mt19937 random(seed);
  Share share;
  double rows = 0;
  for (int t = 0; t < ticks; ++t) {
    std::vector<float> forecast(kRegions), came(kRegions);
    for (std::size_t i = 0; i < kRegions; ++i) {
      forecast[i] = static_cast<float>(samples * kWeight);
      const double rate = samples * truth(random);
      came[i] = static_cast<float>(kWeight * std::poisson_distribution<int>(rate)(random));
      if (t < ticks / 2) continue;
      const DemandQuantiles quantiles = about(spread, forecast[i], kWeight);
      rows += 1;
      share.below += rate * kWeight<quantiles.low, share.above += rate * kWeight> quantiles.high;
    }
    spread.add(outcomes_of({forecast}, came, 1), 0, 0, kWeight);
  }
  return {share.below / rows, share.above / rows};
}

TEST(ErrorSpread, CoversEightTenthsOfADemandThatIsSeenClearly) {
  std::gamma_distribution<double> gamma(4, 0.25);
  std::lognormal_distribution<double> lognormal(-0.32, 0.8);
  std::uniform_real_distribution<double> uniform(0, 2);
  int seed = 0;
  for (const auto& truth : std::vector<std::function<double(std::mt19937&)>>{
           [&](std::mt19937& random) { return gamma(random); },
           [&](std::mt19937& random) { return lognormal(random); },
           [&](std::mt19937& random) { return uniform(random); }}) {
    ErrorSpread spread;
    const Share share = outside(spread, 400, truth, static_cast<std::uint32_t>(++seed));
    EXPECT_NEAR(share.below, 0.1, 0.03) << seed;
    EXPECT_NEAR(share.above, 0.1, 0.03) << seed;
  }
}

TEST(ErrorSpread, TakesTheSamplingsOwnScatterOff) {
  // The forecast is exact; counts of 2 scatter by 70 %, but the demand does not.
  ErrorSpread spread;
  outside(
      spread, 2, [](std::mt19937&) { return 1.0; }, 5);
  const DemandQuantiles quantiles = about(spread, 2000, kWeight);
  EXPECT_GT(quantiles.low, 0.75 * 2000);
  EXPECT_LT(quantiles.high, 1.25 * 2000);
  // And with a Gamma truth behind counts as few it still covers.
  std::gamma_distribution<double> gamma(2, 0.5);
  ErrorSpread wide;
  const Share share = outside(
      wide, 2, [&](std::mt19937& random) { return gamma(random); }, 6);
  EXPECT_NEAR(share.below, 0.1, 0.05);
  EXPECT_NEAR(share.above, 0.1, 0.05);
}

TEST(ErrorSpread, AdaptsWhenErrorsGrow) {
  ErrorSpread spread;
  outside(
      spread, 400, [](std::mt19937&) { return 1.0; }, 7);
  EXPECT_LT(about(spread, 400'000, kWeight).high, 1.1 * 400'000);
  std::gamma_distribution<double> gamma(1, 1);
  const Share share = outside(
      spread, 400, [&](std::mt19937& random) { return gamma(random); }, 8);
  EXPECT_NEAR(share.below + share.above, 0.2, 0.05);
}

TEST(ErrorSpread, QuantilesAreOrderedWhateverHappens) {
  std::mt19937 random(9);
  ErrorSpread spread;
  for (int t = 0; t < 50; ++t) {
    std::vector<float> forecast(50), came(50);
    for (float& each : forecast) each = random() % 3 == 0 ? 0 : std::exp2(static_cast<float>(random() % 30));
    for (float& each : came) each = random() % 3 == 0 ? 0 : std::exp2(static_cast<float>(random() % 30));
    spread.add(outcomes_of({forecast}, came, 1), 0, random() % 3, kWeight);
    for (const float mean : {0.0F, 1.0F, 1e3F, 1e6F, 1e9F}) {
      const DemandQuantiles quantiles = about(spread, mean, kWeight);
      EXPECT_GE(quantiles.low, 0);
      EXPECT_LE(quantiles.low, quantiles.mean);
      EXPECT_GE(quantiles.mean, mean / 4) << "it stays in its class";
      EXPECT_LE(quantiles.mean, mean * 4);
      EXPECT_GE(quantiles.high, quantiles.mean);
      EXPECT_TRUE(std::isfinite(quantiles.high));
    }
  }
  EXPECT_EQ(about(ErrorSpread(), 0, 0).high, 0) << "before anything is known";
}

// What forecasts of 2 and of 3 samples a tick come to, when `slope` of such a difference is real.
float difference_believed(double slope, bool in_time) {
  std::mt19937 random(5);
  ErrorSpread soon, late;
  std::uniform_real_distribution<double> scatter(1.2, 3.8);
  for (int t = 0; t < 60; ++t) {
    std::vector<float> forecast(kRegions), came(kRegions);
    for (std::size_t i = 0; i < kRegions; ++i) {
      const double said = scatter(random);
      forecast[i] = static_cast<float>(said * kWeight);
      const double rate = 2.5 + slope * (said - 2.5);
      came[i] = static_cast<float>(kWeight * std::poisson_distribution<int>(rate)(random));
    }
    soon.add(outcomes_of({forecast}, came, 1), 0, 0, kWeight);
  }
  const ErrorSpread& spread = in_time ? soon : late;
  const auto mean = [&](double samples) {
    return about(spread, static_cast<float>(samples * kWeight), kWeight, soon).mean;
  };
  return (mean(3) - mean(2)) / static_cast<float>(kWeight);
}

TEST(ErrorSpread, BelievesOfADifferenceWhatHasBeenRealOfOthers) {
  EXPECT_NEAR(difference_believed(1, true), 1, 0.1);
  EXPECT_NEAR(difference_believed(0.4, true), 0.4, 0.1);
  EXPECT_NEAR(difference_believed(0, true), 0, 0.1) << "all alike: whoever seems hotter is so by chance";
}

TEST(ErrorSpread, ALongHorizonTakesTheSlopeOfAShorterOneUntilItKnows) {
  EXPECT_NEAR(difference_believed(0, false), 0, 0.1);
  EXPECT_EQ(about(ErrorSpread(), 3000, kWeight).mean, 3000);
}

TEST(ErrorSpread, RegionsNeverSeenMayWakeAsOthersDid) {
  ErrorSpread spread;
  std::vector<float> forecast(100), came(100);
  came[3] = 4000;
  for (int t = 0; t < 100; ++t) spread.add(outcomes_of({forecast}, came, 1), 0, 0, kWeight);
  EXPECT_NEAR(about(spread, 0, kWeight).high, 2.3026 * 40, 1);
}

}  // namespace
}  // namespace tier
