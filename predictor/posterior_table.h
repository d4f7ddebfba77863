// Posteriors of one exposure, remembered: in one tick nearly all regions share the exposures, and most have
// the same few counts.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

#include "predictor/rate_mixture.h"

namespace tier {

class PosteriorTable {
 public:
  // From now on for this exposure, under the mixture as it is now. Both must stay until the next reset().
  void reset(const RateMixture& kinds, double exposure) {
    kinds_ = &kinds, exposure_ = exposure, logs_ = kinds.log_exposures(exposure);
    ++generation_;
  }

  // Samples are rounded to eighths, far below what sampling leaves open.
  RateMixture::Posterior at(double samples) {
    const auto i = static_cast<std::size_t>(std::lround(samples * kSteps));
    if (i >= kEntries) return kinds_->posterior(samples, exposure_, logs_);
    Entry& entry = entries_[i];
    if (entry.generation != generation_) {
      entry.posterior = kinds_->posterior(static_cast<double>(i) / kSteps, exposure_, logs_);
      entry.generation = generation_;
    }
    return entry.posterior;
  }

 private:
  static constexpr int kSteps = 8;
  static constexpr std::size_t kEntries = 64 * kSteps;
  struct Entry {
    RateMixture::Posterior posterior;
    std::uint64_t generation = 0;
  };
  const RateMixture* kinds_ = nullptr;
  double exposure_ = 0;
  RateMixture::Logs logs_{};
  std::uint64_t generation_ = 0;
  std::array<Entry, kEntries> entries_{};
};

}  // namespace tier
