#include "predictor/experts/period.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "predictor/dot.h"

namespace tier {
namespace {

constexpr std::size_t kShortest = 2, kLeastLength = 12;
constexpr double kDeviations = 4;    // of the autocorrelation under chance: one in 10^4 lags
constexpr double kOfHighest = 0.3;   // of the highest autocorrelation of any lag
constexpr double kProminence = 0.5;  // of the peak, above the least of the lags before
constexpr double kAsGood = 0.8;      // of the best peak: the shortest such is the period
constexpr std::size_t kMostRepeats = 3;
constexpr std::uint32_t kLong = 16;  // from here on a tick sooner or later is the same season

// Beyond, too few pairs are left.
std::size_t longest_lag(std::size_t length) { return length * 3 / 5; }

struct Correlations {
  std::vector<double> at;  // by lag; [0] = 1, or all 0 without any variance
  double series = 0;       // effective number: those that hardly vary count for little
};

Correlations correlate(std::span<const float> series, std::size_t length) {
  const std::size_t count = series.size() / length;
  Correlations found{std::vector<double>(longest_lag(length) + 1), 0};
  std::vector<float> z(length);
  double variance = 0, squares = 0;
  for (std::size_t i = 0; i < count; ++i) {
    float mean = 0;
    for (std::size_t t = 0; t < length; ++t) mean += z[t] = std::sqrt(series[i * length + t]);
    mean /= static_cast<float>(length);
    for (float& value : z) value -= mean;
    for (std::size_t lag = 0; lag < found.at.size(); ++lag) {
      const std::span<const float> all = z;
      const double mean_product =
          dot(all.first(length - lag), all.subspan(lag)) / static_cast<double>(length - lag);
      found.at[lag] += mean_product;
      if (lag == 0) variance += mean_product, squares += mean_product * mean_product;
    }
  }
  if (variance <= 0) return {std::vector<double>(found.at.size()), 0};
  for (double& value : found.at) value /= variance;
  found.series = variance * variance / squares;
  return found;
}

std::uint32_t best_lag(const Correlations& found, std::size_t length) {
  const auto& at = found.at;
  const double highest = *std::max_element(at.begin() + 1, at.end());
  double least = at[1], best = 0;
  std::vector<std::size_t> peaks;
  for (std::size_t lag = kShortest; lag + 1 < at.size(); ++lag) {
    const double chance = 1 / std::sqrt(found.series * static_cast<double>(length - lag));
    const bool peak = at[lag] >= at[lag - 1] && at[lag] >= at[lag + 1];
    if (peak && at[lag] > kDeviations * chance && at[lag] > kOfHighest * highest &&
        at[lag] - least > kProminence * at[lag]) {
      peaks.push_back(lag);
      best = std::max(best, at[lag]);
    }
    least = std::min(least, at[lag]);
  }
  for (const std::size_t lag : peaks)
    if (at[lag] >= kAsGood * best) return static_cast<std::uint32_t>(lag);
  return 0;
}

// Sums of a series up to each tick, so that every window's is one difference.
std::vector<double> sums_of(std::span<const float> series) {
  std::vector<double> sums(series.size() + 1);
  for (std::size_t t = 0; t < series.size(); ++t) sums[t + 1] = sums[t] + series[t];
  return sums;
}

float trust_of(const Period& period, std::size_t horizon, std::span<const float> series, std::size_t length) {
  const auto ahead = static_cast<std::size_t>(kHorizons[horizon]);
  double product = 0, square = 0;
  for (std::size_t begin = 0; begin + length <= series.size(); begin += length) {
    const std::vector<double> sums = sums_of(series.subspan(begin, length));
    const double mean = sums[length] / static_cast<double>(length);
    // As if now were after `now` ticks: what was known then, and what came.
    for (std::size_t now = period.ticks; now + ahead <= length; ++now) {
      const SeasonalWindow window = period.window(horizon, now);
      if (window.repeats == 0) continue;
      double past = 0;
      for (std::size_t k = 0; k < window.repeats; ++k) {
        const std::size_t first = now - 1 - window.back - k * period.ticks;
        past += sums[first + window.width] - sums[first];
      }
      past = past / static_cast<double>(window.repeats * window.width) - mean;
      const double came = (sums[now + ahead] - sums[now]) / static_cast<double>(ahead) - mean;
      product += past * came, square += past * past;
    }
  }
  return square > 0 ? static_cast<float>(std::clamp(product / square, 0.0, 1.0)) : 0.0F;
}

}  // namespace

SeasonalWindow Period::window(std::size_t horizon, std::size_t known) const {
  if (ticks == 0) return {};
  const auto ahead = static_cast<std::size_t>(kHorizons[horizon]);
  const std::size_t wider = ahead == 1 && ticks >= kLong ? 1 : 0;
  const std::size_t lag = (ahead + wider + ticks - 1) / ticks * ticks;
  SeasonalWindow window{lag - 1 + wider, ahead + 2 * wider, 0};
  while (window.repeats < kMostRepeats && window.back + window.repeats * ticks < known) ++window.repeats;
  return window;
}

Period find_period(std::span<const float> series, std::size_t length) {
  Period period;
  if (length < kLeastLength || series.size() < length) return period;
  const Correlations found = correlate(series, length);
  if (found.series <= 0) return period;
  period.ticks = best_lag(found, length);
  if (period.ticks == 0) return period;
  for (std::size_t h = 0; h < kHorizons.size(); ++h) period.trust[h] = trust_of(period, h, series, length);
  return period;
}

}  // namespace tier
