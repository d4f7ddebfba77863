#include "predictor/baselines.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "predictor/gamma_quantile.h"

namespace tier {
namespace {

// Jeffreys' prior for a Poisson rate: half a sample.
constexpr double kHalfSample = 0.5;

DemandForecast rate_forecast(const RegionKey& key, double samples, double demand, double exposure,
                             double weight) {
  const double shape = samples + kHalfSample;
  const GammaRatios ratios = gamma_ratios(shape);
  const double scale = shape * weight / exposure, mean = demand / exposure;
  const DemandQuantiles quantiles{static_cast<float>(std::min(scale * ratios.low, mean)),
                                  static_cast<float>(mean), static_cast<float>(scale * ratios.high)};
  DemandForecast forecast{key, {}};
  forecast.horizons.fill(quantiles);
  return forecast;
}

// Accesses one sample stands for, over all regions; needed where a region has no sample of its own.
class SampleWeight {
 public:
  void add(const RegionSnapshot& snapshot) {
    demand_ *= kKept, samples_ *= kKept;
    for (const Region& region : snapshot.regions) demand_ += region.demand.value, samples_ += region.samples;
  }
  double value() const { return samples_ > 0 ? demand_ / samples_ : 0; }

 private:
  static constexpr double kKept = 0.95;
  double demand_ = 0, samples_ = 0;
};

class LastValue final : public Forecaster {
 public:
  std::string name() const override { return "last-value"; }
  ForecastSet forecast(const RegionSnapshot& snapshot) override {
    weight_.add(snapshot);
    ForecastSet set{snapshot.sequence, name(), {}};
    set.forecasts.reserve(snapshot.regions.size());
    for (const Region& region : snapshot.regions) {
      const double weight = region.samples > 0 ? region.demand.value / region.samples : weight_.value();
      set.forecasts.push_back(
          rate_forecast(region.key, region.samples, region.demand.value, snapshot.seconds(), weight));
    }
    return set;
  }
  std::size_t bytes_used() const override { return 0; }

 private:
  SampleWeight weight_;
};

// One sample's weight halves in 34 ticks.
constexpr double kFrequencyKept = 0.98;
constexpr std::uint64_t kForgetAfter = 256;  // ticks out of the snapshot: 0.6 % are left

class FrequencyDecay final : public Forecaster {
 public:
  std::string name() const override { return "frequency-decay"; }
  ForecastSet forecast(const RegionSnapshot& snapshot) override;
  std::size_t bytes_used() const override {
    return counts_.size() * (sizeof(std::pair<RegionKey, Count>) + 16) + counts_.bucket_count() * 8;
  }

 private:
  struct Count {
    double samples = 0, demand = 0;
    std::uint64_t tick = 0;
  };
  std::unordered_map<RegionKey, Count> counts_;
  SampleWeight weight_;
  std::uint64_t tick_ = 0;
};

ForecastSet FrequencyDecay::forecast(const RegionSnapshot& snapshot) {
  ++tick_;
  weight_.add(snapshot);
  ForecastSet set{snapshot.sequence, name(), {}};
  set.forecasts.reserve(snapshot.regions.size());
  for (const Region& region : snapshot.regions) {
    Count& count = counts_[region.key];
    const double kept = std::pow(kFrequencyKept, static_cast<double>(tick_ - count.tick));
    count.samples = count.samples * kept + region.samples;
    count.demand = count.demand * kept + region.demand.value;
    count.tick = tick_;
    const double age = std::min<double>(region.age + 1.0, static_cast<double>(tick_));
    const double exposure = snapshot.seconds() * (1 - std::pow(kFrequencyKept, age)) / (1 - kFrequencyKept);
    const double weight = count.samples > 1e-3 ? count.demand / count.samples : weight_.value();
    set.forecasts.push_back(rate_forecast(region.key, count.samples, count.demand, exposure, weight));
  }
  if (tick_ % kForgetAfter == 0) {
    std::erase_if(counts_, [&](const auto& entry) { return tick_ - entry.second.tick > kForgetAfter; });
  }
  return set;
}

}  // namespace

std::unique_ptr<Forecaster> make_last_value() { return std::make_unique<LastValue>(); }
std::unique_ptr<Forecaster> make_frequency_decay() { return std::make_unique<FrequencyDecay>(); }

}  // namespace tier
