// How far what came scatters around what was forecast, by class of demand; the 0.1 and 0.9 quantiles that
// follow.
//
// What is seen of a region is a few samples, and most of their scatter is the sampling's. The quantiles are
// of the demand itself: the scatter that Poisson counts of the forecast demand would have is taken off, the
// rest makes a Gamma distribution about the forecast. That is then held to its word: a step up or down for
// each outcome beyond its quantile or within (Gibbs and Candes 2021, adaptive conformal inference, on the
// logarithm of the spread), so that in the long run a tenth of what is sampled falls on either side of what
// the quantiles foretold, whatever the distribution.
//
// The mean is held to its word as well: within a class, what came is regressed on what was forecast. Of many
// regions that are asked alike, those that seem to be asked most are so by chance, and a choice of the best
// would swap them for ever; the slope, between 0 and 1, says how much of a difference is to be believed.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "core/forecast.h"
#include "predictor/outcomes.h"

namespace tier {

class ErrorSpread {
 public:
  // Learns from what came due of one candidate. `weight`: accesses one sample stands for.
  void add(const Outcomes& outcomes, std::size_t candidate, std::size_t horizon, double weight);
  // Writes mean and quantiles to `horizon` of set[i], for which means[i] (accesses per tick) is forecast:
  // 0 <= low <= mean <= high. `sooner`: of a shorter horizon, whose slope is taken while this one's is not
  // known: how far forecasts of regions that are alike lie apart does not depend on the horizon.
  void about(std::span<const float> means, double weight, const ErrorSpread& sooner, std::size_t horizon,
             std::span<DemandForecast> set) const;
  void forget();

 private:
  // By forecast in samples per tick: below 4^-3, then by factors of four.
  static constexpr std::size_t kClasses = 8;
  struct Class {
    double forecast = 0, came = 0, rows = 0;      // discounted sums, in samples over the horizon
    double error = 0, square = 0;                 // of (came - centre · forecast)², of forecast²
    double product = 0;                           // of forecast · came
    double low = 0, high = 0;                     // corrections: logarithms of factors of the shape
    double centre = 1;                            // came / forecast
    double low_shape = 2, high_shape = 2;         // of the Gamma whose quantile is taken
    float low_ratio = 0.27F, high_ratio = 1.94F;  // quantiles / forecast; here of shape 2
    bool regressed = false;
    float about = 0, slope = 1;  // of the regression: mean forecast, accesses per tick
  };
  // Outcomes of one tick and class, and how many lie in the tails.
  struct Tally {
    double rows = 0, low = 0, high = 0;
  };
  static std::size_t class_of(double samples_per_tick);
  DemandQuantiles quantiles(float forecast, double samples, double weight, const ErrorSpread& sooner) const;
  static void settle(Class& kind, const Tally& tally);
  static void regress(Class& kind, double scale);

  std::array<Class, kClasses> classes_{};
  double idle_ = 0;       // mean demand of the lowest class, accesses per tick
  std::size_t turn_ = 0;  // which outcomes are checked
};

}  // namespace tier
