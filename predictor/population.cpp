#include "predictor/population.h"

#include <algorithm>

namespace tier {
namespace {

// At the least shape one sample outweighs the prior twentyfold; at the most, differences between regions
// below 7 % of the mean are held to be noise.
constexpr double kLeastShape = 0.05, kMostShape = 200;

}  // namespace

void Population::add(double samples, double exposure, double noise, double regions) {
  samples_ += regions * samples;
  samples_squared_ += regions * samples * samples;
  samples_exposure_ += regions * samples * exposure;
  exposure_ += regions * exposure;
  exposure_squared_ += regions * exposure * exposure;
  noise_ += regions * noise;
}

RatePrior Population::fit(double dispersion) const {
  if (samples_ <= 0 || exposure_ <= 0) return {};
  const double mean = samples_ / exposure_;
  // Σ (S - mean·E)², of which sampling alone explains dispersion · mean · Σ noise.
  const double spread = samples_squared_ - 2 * mean * samples_exposure_ + mean * mean * exposure_squared_;
  const double variance = (spread - dispersion * mean * noise_) / exposure_squared_;
  const double shape =
      variance > 0 ? std::clamp(mean * mean / variance, kLeastShape, kMostShape) : kMostShape;
  return {shape, shape / mean};
}

}  // namespace tier
