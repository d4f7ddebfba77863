// What all regions together say about one of them: a Gamma prior for sampled rates (empirical Bayes).
//
// With a hundred samples a second over a thousand regions the luckiest region looks hot by chance alone. The
// spread between regions beyond what sampling explains tells how far one region's count may be believed:
// where all are alike, every forecast shrinks to the common mean and nothing is worth moving.
#pragma once

#include <cstdint>

namespace tier {

struct RatePrior {
  double shape = 0.1;     // in samples
  double exposure = 0.1;  // in ticks; mean rate = shape / exposure samples per tick
};

// Sums over regions, each with its discounted samples and exposures.
class Population {
 public:
  // `samples` = Σ d^k n_k, `exposure` = Σ d^k, `noise` = Σ d^2k over the ticks k seen, d the discount.
  // `regions` alike.
  void add(double samples, double exposure, double noise, double regions = 1);
  // `dispersion`: variance of a tick's count beyond Poisson, 1 = Poisson.
  RatePrior fit(double dispersion) const;

 private:
  double samples_ = 0, samples_squared_ = 0, samples_exposure_ = 0;
  double exposure_ = 0, exposure_squared_ = 0, noise_ = 0;
};

}  // namespace tier
