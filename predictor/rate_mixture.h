// Two kinds of regions, quiet and busy, each a Gamma population of rates, learnt from all regions.
//
// One Gamma cannot be both: hot sets make its spread wide, and then one lucky sample in a minute makes a cold
// region look twice as warm as its neighbours. With two, the cold ones shrink to their common mean and the
// hot ones to theirs.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "predictor/population.h"

namespace tier {

// Discounted samples of `regions` like regions; see Population::add.
struct RateObservation {
  double samples = 0, exposure = 0, noise = 0, regions = 1;
};

class RateMixture {
 public:
  static constexpr std::size_t kKinds = 2;

  // One step of expectation maximisation on this tick's observations; the kinds carry over between ticks.
  void learn(const std::vector<RateObservation>& observations, double dispersion);

  // What a region with so many samples in so many ticks' exposure is.
  struct Posterior {
    double log_marginal = 0;  // log probability of the samples, up to a term of the samples alone
    double mean = 0;          // of its rate, samples per tick
    double variance = 0;
  };
  // `log_exposure[k]` = log(exposure + kind k's own), from log_exposures(); the same for many regions.
  using Logs = std::array<double, kKinds>;
  Logs log_exposures(double exposure) const;
  Posterior posterior(double samples, double exposure, const Logs& log_exposure) const;

  double mean() const { return mean_; }  // samples per tick, over all regions
  const RatePrior& kind(std::size_t k) const { return kinds_[k].prior; }
  double share(std::size_t k) const { return kinds_[k].share; }

 private:
  struct Kind {
    double share = 0.5;  // of the regions
    RatePrior prior;
    double constant = 0;  // log share + shape log exposure - log Γ(shape)
  };
  void refresh();
  std::array<double, kKinds> log_weights(double samples, const Logs& log_exposure) const;

  std::array<Kind, kKinds> kinds_;
  double mean_ = 0;
  bool started_ = false;
};

}  // namespace tier
