#include "predictor/rate_mixture.h"

#include <algorithm>
#include <cmath>

#include "predictor/log_gamma.h"

namespace tier {
namespace {

constexpr std::size_t kBusy = 1;
constexpr int kFirstRounds = 5;  // later the kinds carry over, and one round a tick follows them
// The busy kind never dies out, or a hot set that appears later would find no prior to fit.
constexpr double kLeastBusy = 0.01;
constexpr double kEnough = 3;                        // regions needed to know a kind's spread
constexpr double kBusyFactor = 5, kBusyShape = 0.5;  // what is assumed of busy regions until some are seen

}  // namespace

void RateMixture::learn(const std::vector<RateObservation>& observations, double dispersion) {
  double samples = 0, exposure = 0, regions = 0;
  for (const RateObservation& o : observations) {
    samples += o.regions * o.samples, exposure += o.regions * o.exposure, regions += o.regions;
  }
  if (samples <= 0 || exposure <= 0) return;
  mean_ = samples / exposure;
  const bool fresh = !started_;
  if (fresh) {
    kinds_[0] = {0.8, {1, 2 / mean_}, 0};
    kinds_[kBusy] = {0.2, {1, 1 / (kBusyFactor * mean_)}, 0};
    started_ = true;
    refresh();
  }
  const int rounds = fresh ? kFirstRounds : 1;
  for (int round = 0; round < rounds; ++round) {
    std::array<Population, kKinds> population;
    double busy_regions = 0;
    for (const RateObservation& o : observations) {
      const auto weights = log_weights(o.samples, log_exposures(o.exposure));
      const double busy = 1 / (1 + std::exp(weights[0] - weights[kBusy]));
      population[kBusy].add(o.samples, o.exposure, o.noise, o.regions * busy);
      population[0].add(o.samples, o.exposure, o.noise, o.regions * (1 - busy));
      busy_regions += o.regions * busy;
    }
    kinds_[kBusy].share = std::clamp(busy_regions / regions, kLeastBusy, 0.9);
    kinds_[0].share = 1 - kinds_[kBusy].share;
    kinds_[0].prior = population[0].fit(dispersion);
    kinds_[kBusy].prior = busy_regions >= kEnough ? population[kBusy].fit(dispersion)
                                                  : RatePrior{kBusyShape, kBusyShape / (kBusyFactor * mean_)};
    refresh();
  }
}

void RateMixture::refresh() {
  for (Kind& kind : kinds_)
    kind.constant =
        std::log(kind.share) + kind.prior.shape * std::log(kind.prior.exposure) - log_gamma(kind.prior.shape);
}

RateMixture::Logs RateMixture::log_exposures(double exposure) const {
  Logs logs{};
  for (std::size_t k = 0; k < kKinds; ++k) logs[k] = std::log(exposure + kinds_[k].prior.exposure);
  return logs;
}

std::array<double, RateMixture::kKinds> RateMixture::log_weights(double samples,
                                                                 const Logs& log_exposure) const {
  std::array<double, kKinds> weights{};
  for (std::size_t k = 0; k < kKinds; ++k) {
    const double shape = kinds_[k].prior.shape + samples;
    weights[k] = kinds_[k].constant + log_gamma(shape) - shape * log_exposure[k];
  }
  return weights;
}

RateMixture::Posterior RateMixture::posterior(double samples, double exposure,
                                              const Logs& log_exposure) const {
  const auto weights = log_weights(samples, log_exposure);
  const double most = std::max(weights[0], weights[1]);
  Posterior result;
  double total = 0, second = 0;
  for (std::size_t k = 0; k < kKinds; ++k) {
    const double weight = std::exp(weights[k] - most);
    const double seen = exposure + kinds_[k].prior.exposure;
    const double mean = (kinds_[k].prior.shape + samples) / seen;
    total += weight;
    result.mean += weight * mean;
    second += weight * (mean * mean + mean / seen);
  }
  result.mean /= total;
  result.variance = second / total - result.mean * result.mean;
  result.log_marginal = most + std::log(total);
  return result;
}

}  // namespace tier
