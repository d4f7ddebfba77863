#include "predictor/experts/period.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <vector>

namespace tier {
namespace {

constexpr std::size_t kLength = 128;

// Poisson counts of 60 series about a rate by series and tick.
std::vector<float> counts(const std::function<double(std::size_t, std::size_t)>& rate, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> series;
  for (std::size_t i = 0; i < 60; ++i)
    for (std::size_t t = 0; t < kLength; ++t) {
      const double mean = rate(i, t);
      series.push_back(mean > 0 ? static_cast<float>(std::poisson_distribution<int>(mean)(random)) : 0);
    }
  return series;
}

TEST(FindPeriod, FindsWhatComesAgainUnderTheNoiseOfSampling) {
  for (const std::size_t period : {2U, 6U, 20U, 50U, 60U}) {
    const auto square = [&](std::size_t i, std::size_t t) {
      return (t + i) % period < period / 2 ? 1.0 : 0.1;
    };
    EXPECT_EQ(find_period(counts(square, 1), kLength).ticks, period);
  }
}

TEST(FindPeriod, FindsNoneWhereThereIsNone) {
  const auto steady = [](std::size_t i, std::size_t) { return i % 3 == 0 ? 4.0 : 0.1; };
  const auto once = [](std::size_t i, std::size_t t) { return t / 43 == i % 3 ? 3.0 : 0.1; };
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    EXPECT_EQ(find_period(counts(steady, seed), kLength).ticks, 0U) << seed;
    EXPECT_EQ(find_period(counts(once, seed), kLength).ticks, 0U) << seed;
  }
  EXPECT_EQ(find_period(std::vector<float>(60 * kLength), kLength).ticks, 0U) << "silence";
  EXPECT_EQ(find_period({}, kLength).ticks, 0U);
}

TEST(FindPeriod, TrustsTheSeasonAsFarAsItCameTrue) {
  const auto clean = [](std::size_t i, std::size_t t) { return (t + i) % 20 < 10 ? 100.0 : 0.0; };
  const auto faint = [](std::size_t i, std::size_t t) { return (t + i) % 20 < 10 ? 0.6 : 0.2; };
  const Period sure = find_period(counts(clean, 2), kLength), unsure = find_period(counts(faint, 2), kLength);
  ASSERT_EQ(sure.ticks, 20U);
  EXPECT_GT(sure.trust[0], 0.9F);
  ASSERT_EQ(unsure.ticks, 20U);
  EXPECT_LT(unsure.trust[0], 0.6F);
  EXPECT_GT(unsure.trust[0], 0.05F);
}

TEST(Period, WindowsLieInThePast) {
  for (std::uint32_t ticks = 2; ticks < 70; ++ticks) {
    const Period period{ticks, {}};
    for (std::size_t h = 0; h < kHorizons.size(); ++h) {
      for (std::size_t known = 0; known < 256; ++known) {
        const SeasonalWindow window = period.window(h, known);
        if (window.repeats == 0) continue;
        EXPECT_GE(window.back + 1, window.width) << "not in the future";
        EXPECT_LT(window.back + (window.repeats - 1) * ticks, known);
      }
      // The middle of the window stands whole periods before the middle of what is forecast.
      const SeasonalWindow window = period.window(h, 256);
      ASSERT_GT(window.repeats, 0U);
      const std::size_t twice =
          2 * window.back - (window.width - 1) + static_cast<std::size_t>(kHorizons[h]) + 1;
      EXPECT_EQ(twice % (2 * ticks), 0U) << ticks << ' ' << h;
    }
  }
  EXPECT_EQ(Period{}.window(0, 256).repeats, 0U);
}

}  // namespace
}  // namespace tier
