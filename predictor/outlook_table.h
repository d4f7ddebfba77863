// What one hypothesis says of a region, by the region's samples since its start, remembered: in one tick
// nearly all regions share the exposures, and most have the same few counts.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "predictor/nearest_whole.h"
#include "predictor/rate_mixture.h"

namespace tier {

// `before` the running tick and after it, with that many samples in both. One cache line.
struct Outlook {
  // Probability of a tick without a sample, up to a factor of the samples alone: so most regions' ticks end,
  // and nearly all of the forecaster's exponentials are here.
  double silence = 0;
  double log_before = 0, log_after = 0;         // log marginals of the samples
  double mean_before = 0, variance_before = 0;  // of the rate, samples per tick
  double mean = 0, variance = 0;                // after
  std::uint64_t generation = 0;                 // of the table
};

class OutlookTable {
 public:
  // From now on for these exposures, under the mixture as it is now; it must stay until the next reset().
  // Evidence counts for less by the dispersion of the counts.
  void reset(const RateMixture& kinds, double before, double after, double dispersion) {
    kinds_ = &kinds, before_ = before, after_ = after, dispersion_ = dispersion;
    logs_before_ = kinds.log_exposures(before), logs_after_ = kinds.log_exposures(after);
    ++generation_;
  }

  static constexpr int kSteps = 8;
  static constexpr std::size_t kEntries = 64 * kSteps;

  // Samples are rounded to eighths, far below what sampling leaves open. Valid until the next call.
  const Outlook& at(float samples) {
    const auto i = nearest_whole(static_cast<double>(samples) * kSteps);
    if (i >= kEntries) return fill(beyond_, samples);
    Outlook& entry = entries_[i];
    return entry.generation == generation_ ? entry : fill(entry, static_cast<double>(i) / kSteps);
  }

 private:
  const Outlook& fill(Outlook& entry, double samples) const {
    const auto before = kinds_->posterior(samples, before_, logs_before_);
    const auto after = kinds_->posterior(samples, after_, logs_after_);
    const double silence = std::exp((after.log_marginal - before.log_marginal) / dispersion_);
    entry = {silence,         before.log_marginal, after.log_marginal, before.mean,
             before.variance, after.mean,          after.variance,     generation_};
    return entry;
  }

  const RateMixture* kinds_ = nullptr;
  double before_ = 0, after_ = 0, dispersion_ = 1;
  RateMixture::Logs logs_before_{}, logs_after_{};
  std::uint64_t generation_ = 0;
  std::array<Outlook, kEntries> entries_{};
  Outlook beyond_;
};

// The same of silence alone, for all hypotheses and of a tick that is over. Fewer ask, so each count is
// worked out when it is first asked for; what hypotheses say of the same count lies side by side, since of a
// region that has been silent for long they hold the same few.
template <std::size_t kHypotheses>
class PastSilence {
 public:
  static constexpr float kMostSamples = 60;  // that a region may have under any hypothesis

  // As OutlookTable::reset(), of the hypothesis in that slot.
  void reset(std::size_t slot, const RateMixture& kinds, double before, double after, double dispersion) {
    ages_[slot] = {
        &kinds, before, after, dispersion, kinds.log_exposures(before), kinds.log_exposures(after)};
  }
  void forget() { silence_.fill(kUnknown); }

  static std::size_t index_of(float samples) {
    return nearest_whole(static_cast<double>(samples) * OutlookTable::kSteps);
  }
  // Outlook::silence of samples that have that index, at most that of kMostSamples.
  float at(std::size_t slot, std::size_t index) {
    float& known = silence_[index * kHypotheses + slot];
    if (known < 0) known = static_cast<float>(ages_[slot].silence(index));
    return known;
  }

 private:
  static constexpr float kUnknown = -1;
  struct Age {
    const RateMixture* kinds = nullptr;
    double before = 0, after = 0, dispersion = 1;
    RateMixture::Logs logs_before{}, logs_after{};
    double silence(std::size_t index) const {
      const double samples = static_cast<double>(index) / OutlookTable::kSteps;
      const double without = kinds->posterior(samples, before, logs_before).log_marginal;
      return std::exp((kinds->posterior(samples, after, logs_after).log_marginal - without) / dispersion);
    }
  };

  std::array<Age, kHypotheses> ages_{};
  std::array<float, OutlookTable::kEntries * kHypotheses> silence_{};
};

}  // namespace tier
