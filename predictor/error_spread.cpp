#include "predictor/error_spread.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <vector>

#include "predictor/gamma_quantile.h"

namespace tier {
namespace {

constexpr double kKept = 0.98;       // of the sums, per tick: 50 ticks
constexpr double kLeastRows = 30;    // before them a class has kUnknownShape
constexpr double kUnknownShape = 2;  // of the Gamma: an error of 70 % of the forecast
constexpr double kLeastBias = 0.25, kMostBias = 4;
constexpr double kSteadyingRows = 30, kLeastSpread = 0.01;  // that speak for a slope of 1, a tenth apart
constexpr double kSteadyingSamples = 5;  // that speak for an unbiased forecast in every class
// Where the 0.9 quantile of a Gamma of given mean lies highest; smaller shapes would bring it down again.
constexpr double kLeastHighShape = 0.4;
constexpr double kLeastLowShape = 0.02, kMostShape = 1e4;
constexpr double kTail = 0.1;  // beyond either quantile
constexpr double kStep = 1.0, kMostCorrection = 5, kCorrectionKept = 0.995;
constexpr std::size_t kFullStepRows = 16;  // of a class in one tick
constexpr std::size_t kChecked = 128;      // outcomes held against the quantiles per tick
constexpr double kNothing = 0.01;    // samples per tick: a low quantile below says that there may be none
constexpr double kManySamples = 20;  // from here on counts are as good as continuous

struct Tails {
  double below = 0, above = 0;  // probability of fewer, and of more than the count
};

// Of a negative binomial count: Poisson about a Gamma of that mean and shape.
Tails tails_of(double count, double mean, double shape) {
  const double whole = std::round(count), share = mean / (mean + shape);
  double part = std::exp(-shape * std::log1p(mean / shape)), below = 0;
  for (double n = 0; n < whole && below < 1 - 1e-9; ++n) below += part, part *= (shape + n) / (n + 1) * share;
  return {below, std::max(0.0, 1 - below - part)};
}

// How surely the count lies in the lowest tenth, and in the highest: 0, 1, or a part where the tenth ends
// within a whole number.
double in_low_tail(double count, double mean, double shape) {
  if (mean > kManySamples) return count < mean * gamma_ratios(1 / (1 / mean + 1 / shape)).low ? 1 : 0;
  const Tails tails = tails_of(count, mean, shape);
  const double part = 1 - tails.below - tails.above;
  return part > 0 ? std::clamp((kTail - tails.below) / part, 0.0, 1.0) : 0;
}

double in_high_tail(double count, double mean, double shape) {
  if (mean > kManySamples) return count > mean * gamma_ratios(1 / (1 / mean + 1 / shape)).high ? 1 : 0;
  const Tails tails = tails_of(count, mean, shape);
  const double part = 1 - tails.below - tails.above;
  return part > 0 ? std::clamp((kTail - tails.above) / part, 0.0, 1.0) : 1;
}

}  // namespace

std::size_t ErrorSpread::class_of(double samples_per_tick) {
  if (!(samples_per_tick > 0)) return 0;
  // Floor of log2 out of the exponent's bits: this is asked for every region. Below by pairs.
  const int power = static_cast<int>(std::bit_cast<std::uint64_t>(samples_per_tick) >> 52) - 1023;
  return static_cast<std::size_t>(
      std::clamp((power + 1024) / 2 - 512 + 4, 0, static_cast<int>(kClasses) - 1));
}

void ErrorSpread::add(const Outcomes& outcomes, std::size_t candidate, std::size_t horizon, double weight) {
  if (!(weight > 0) || !outcomes.valid[candidate]) return;
  const auto ticks = static_cast<double>(kHorizons[horizon]);
  const double scale = ticks / weight;  // accesses per tick to samples over the horizon
  const double kept = std::pow(kKept, static_cast<double>(kScoredEvery[horizon]));
  for (Class& kind : classes_)
    kind.forecast *= kept, kind.came *= kept, kind.rows *= kept, kind.error *= kept, kind.square *= kept,
        kind.product *= kept;
  std::array<Tally, kClasses> tallies{};
  const std::size_t stride = outcomes.size() / kChecked + 1;
  const auto forecast = outcomes.of(candidate);
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const double mean = forecast[i] * scale, count = outcomes.came[i] * scale;
    const std::size_t c = class_of(mean / ticks);
    Class& kind = classes_[c];
    const double error = count - kind.centre * mean;
    kind.forecast += mean, kind.came += count, kind.rows += 1;
    kind.error += error * error, kind.square += mean * mean, kind.product += mean * count;
    if ((i + turn_) % stride != 0 || !(mean > 0)) continue;
    tallies[c].rows += 1;
    tallies[c].low += in_low_tail(count, kind.centre * mean, kind.low_shape);
    tallies[c].high += in_high_tail(count, kind.centre * mean, kind.high_shape);
  }
  ++turn_;
  for (std::size_t c = 0; c < kClasses; ++c) settle(classes_[c], tallies[c]), regress(classes_[c], scale);
  idle_ = classes_[0].rows > 0 ? classes_[0].came / classes_[0].rows / scale : 0;
}

// A step of the corrections, then what follows from them and the moments.
void ErrorSpread::settle(Class& kind, const Tally& tally) {
  if (tally.rows > 0) {
    const double step = kStep * std::min(1.0, tally.rows / static_cast<double>(kFullStepRows));
    const auto moved = [&](double was, double tail) {
      return std::clamp(kCorrectionKept * was + step * (kTail - tail / tally.rows), -kMostCorrection,
                        kMostCorrection);
    };
    kind.low = moved(kind.low, tally.low), kind.high = moved(kind.high, tally.high);
  }
  kind.centre = std::clamp((kind.came + kSteadyingSamples) / (kind.forecast + kSteadyingSamples), kLeastBias,
                           kMostBias);
  const double excess = kind.error - kind.came;  // of the variance, over that of Poisson counts
  double shape = kUnknownShape;
  if (kind.rows >= kLeastRows)
    shape = std::clamp(kind.centre * kind.centre * kind.square / std::max(excess, 1e-9), kLeastLowShape,
                       kMostShape);
  kind.low_shape = std::clamp(shape * std::exp(kind.low), kLeastLowShape, kMostShape);
  kind.high_shape = std::clamp(shape * std::exp(kind.high), kLeastHighShape, kMostShape);
  kind.low_ratio = static_cast<float>(kind.centre * gamma_ratios(kind.low_shape).low);
  kind.high_ratio = static_cast<float>(kind.centre * gamma_ratios(kind.high_shape).high);
}

// A few rows speak for a slope of 1.
void ErrorSpread::regress(Class& kind, double scale) {
  if (kind.rows < kLeastRows || !(kind.forecast > 0)) return;
  const double mean = kind.forecast / kind.rows;
  const double steady = kSteadyingRows * kLeastSpread * mean * mean;
  const double variance = kind.square - kind.forecast * mean, together = kind.product - kind.came * mean;
  kind.slope = static_cast<float>(std::clamp((together + steady) / (variance + steady), 0.0, 1.0));
  kind.about = static_cast<float>(mean / scale);
  kind.regressed = true;
}

// `samples`: of one access, 1 / weight.
inline DemandQuantiles ErrorSpread::quantiles(float forecast, double samples, double weight,
                                              const ErrorSpread& sooner) const {
  const std::size_t c = class_of(forecast * samples);
  const Class& kind = classes_[c];
  const Class& line = kind.regressed ? kind : sooner.classes_[c];
  const bool within = c > 0 && c + 1 < kClasses;  // the ends are open
  const float mean = !within ? forecast : std::max(0.0F, line.about + line.slope * (forecast - line.about));
  // Of a region that nobody has seen at work: as the others of its kind, exponentially distributed.
  constexpr double kHighOfExponential = 2.302585;
  const double least_high = c == 0 ? kHighOfExponential * idle_ : 0;
  float low = std::min(mean, mean * kind.low_ratio);
  if (low < kNothing * weight) low = 0;
  return {low, mean, std::max({mean, mean * kind.high_ratio, static_cast<float>(least_high)})};
}

void ErrorSpread::about(std::span<const float> means, double weight, const ErrorSpread& sooner,
                        std::size_t horizon, std::span<DemandForecast> set) const {
  const double samples = weight > 0 ? 1 / weight : 0;
  for (std::size_t i = 0; i < means.size(); ++i)
    set[i].horizons[horizon] = quantiles(means[i], samples, weight, sooner);
}

void ErrorSpread::forget() { *this = ErrorSpread(); }

}  // namespace tier
