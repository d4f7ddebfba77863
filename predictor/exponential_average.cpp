#include "predictor/exponential_average.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "predictor/gamma_quantile.h"
#include "predictor/population.h"
#include "predictor/run_lengths.h"

namespace tier {
namespace {

// Chance that a region changes its behaviour in this tick, before the tick's counts are seen, and how many
// regions' worth of evidence that belief has. Programs have phases of tens of seconds up to hours; when many
// regions change at once, as hot sets do, the tick's own counts say so and the chance rises for all.
constexpr double kChange = 0.005;
constexpr double kChangeRegions = 100;
constexpr int kChangeRounds = 6;
// Memory of the population and of the accesses per sample: 14 ticks.
constexpr double kKept = 0.93;
constexpr double kDispersionRate = 0.05;     // learnt over 20 ticks
constexpr std::uint64_t kForgetAfter = 256;  // ticks out of the snapshot
constexpr std::uint64_t kOld = 512;          // ages beyond are as good as for ever

using Exposures = std::array<double, RunLengths::kMost>;

struct Belief {
  std::array<float, RunLengths::kMost> samples{};  // per hypothesis, since its start
  std::array<float, RunLengths::kMost> weights{1};
  float recent_samples = 0, recent_demand = 0;  // discounted by kKept
  std::uint64_t tick = 0;                       // last update
};

struct Moments {
  double mean = 0, variance = 0;  // of the sampled rate per tick
};

// log Γ(a + n) - log Γ(a).
double log_rising(double a, std::uint32_t n) {
  if (n > 12) return std::lgamma(a + n) - std::lgamma(a);
  double product = 1;
  for (std::uint32_t i = 0; i < n; ++i) product *= a + i;
  return std::log(product);
}

class ExponentialAverage final : public Forecaster {
 public:
  std::string name() const override { return "exponential-average"; }
  ForecastSet forecast(const RegionSnapshot& snapshot) override;
  std::size_t bytes_used() const override {
    return beliefs_.size() * (sizeof(std::pair<RegionKey, Belief>) + 16) + beliefs_.bucket_count() * 8;
  }

 private:
  // Of one region and tick; up to a common factor.
  struct Evidence {
    std::array<double, RunLengths::kMost> likelihood{};  // by hypothesis; the newest is "changed just now"
    double unchanged = 0;                                // of all others together
  };
  std::uint64_t seen_ticks(const Region& region) const {
    return std::min({region.age + std::uint64_t{1}, tick_, kOld});
  }
  // Exposure of every hypothesis; nearly all regions are older than all of them, so computed once per age.
  const Exposures& exposures(std::uint64_t ticks);
  void advance(Belief& belief) const;
  Evidence evidence_of(const Belief& belief, std::uint64_t ticks, std::uint32_t count);
  double changed_share() const;
  void weigh(Belief& belief, const Evidence& evidence, double change) const;
  void learn(Belief& belief, const Region& region);
  Moments moments(const Belief& belief, std::uint64_t ticks);
  DemandForecast forecast_of(const Region& region, const Belief& belief);
  void learn_dispersion(const Belief& belief, const Exposures& exposure, std::uint32_t count);
  void fit_population(const RegionSnapshot& snapshot);

  std::unordered_map<RegionKey, Belief> beliefs_;
  Belief quiet_;                    // of a region that never had a sample: how new ones begin
  std::vector<Belief*> current_;    // of the running snapshot's regions; map nodes stay put
  std::vector<Evidence> evidence_;  // alike
  RunLengths runs_;
  RunLengths::Step step_;
  RatePrior prior_;
  Exposures exposures_{};
  std::uint64_t exposures_age_ = 0, exposures_tick_ = 0;
  double sample_demand_ = 0, sample_count_ = 0;  // discounted sums: accesses one sample stands for
  double dispersion_ = 1;                        // variance of counts over their mean, 1 = Poisson
  double surprise_ = 0, expected_ = 0;           // of the running tick: Σ (n - mean)² and its expectation
  std::uint64_t tick_ = 0;
};

const Exposures& ExponentialAverage::exposures(std::uint64_t ticks) {
  if (ticks != exposures_age_ || tick_ != exposures_tick_) {
    for (std::size_t i = 0; i < runs_.count(); ++i) exposures_[i] = runs_.exposure(i, ticks);
    exposures_age_ = ticks, exposures_tick_ = tick_;
  }
  return exposures_;
}

// Brings the hypotheses into step with runs_ and discounts.
void ExponentialAverage::advance(Belief& belief) const {
  const std::uint64_t missed = tick_ - belief.tick - 1;  // ticks outside the snapshot had no samples
  belief.tick = tick_;
  const std::size_t newest = step_.count - 1;
  if (missed > 0) {
    const auto kept = static_cast<float>(std::pow(RunLengths::kKept, static_cast<double>(missed)));
    const auto recent = static_cast<float>(std::pow(kKept, static_cast<double>(missed)));
    const float always = belief.samples[0] * kept;
    belief.samples = {};
    belief.samples[0] = always;
    belief.recent_samples *= recent, belief.recent_demand *= recent;
    belief.weights = quiet_.weights;
  }
  if (const std::size_t gone = step_.absorbed; gone > 0) {
    belief.weights[gone - 1] += belief.weights[gone];
    for (std::size_t i = gone; i < newest; ++i) {
      belief.weights[i] = belief.weights[i + 1];
      belief.samples[i] = belief.samples[i + 1];
    }
  }
  belief.weights[newest] = 0;
  belief.samples[newest] = 0;
}

// The probability that each hypothesis gave to the tick's count: negative binomial, what a Gamma-distributed
// rate makes of one tick.
ExponentialAverage::Evidence ExponentialAverage::evidence_of(const Belief& belief, std::uint64_t ticks,
                                                             std::uint32_t count) {
  const auto& exposure = exposures(ticks);
  const std::size_t newest = runs_.count() - 1;
  Evidence evidence;
  double most = -1e300;
  for (std::size_t i = 0; i <= newest; ++i) {
    const double shape = prior_.shape + (i == newest ? 0 : belief.samples[i]);
    const double seen = prior_.exposure + std::max(exposure[i] - 1, 0.0);  // before this tick
    const double log_likelihood =
        log_rising(shape, count) - shape * std::log1p(1 / seen) - count * std::log1p(seen);
    evidence.likelihood[i] = log_likelihood / dispersion_;
    most = std::max(most, evidence.likelihood[i]);
  }
  for (std::size_t i = 0; i <= newest; ++i) evidence.likelihood[i] = std::exp(evidence.likelihood[i] - most);
  for (std::size_t i = 0; i < newest; ++i) evidence.unchanged += belief.weights[i] * evidence.likelihood[i];
  return evidence;
}

// Most likely share of regions that changed in this tick, by expectation maximisation.
double ExponentialAverage::changed_share() const {
  const std::size_t newest = runs_.count() - 1;
  double share = kChange;
  for (int round = 0; round < kChangeRounds; ++round) {
    double changed = kChange * kChangeRegions;
    for (const Evidence& evidence : evidence_) {
      const double now = share * evidence.likelihood[newest];
      changed += now / (now + (1 - share) * evidence.unchanged + 1e-300);
    }
    share = changed / (kChangeRegions + static_cast<double>(evidence_.size()));
  }
  return std::clamp(share, 1e-4, 0.5);
}

void ExponentialAverage::weigh(Belief& belief, const Evidence& evidence, double change) const {
  const std::size_t newest = runs_.count() - 1;
  const double total = (1 - change) * evidence.unchanged + change * evidence.likelihood[newest] + 1e-300;
  for (std::size_t i = 0; i < newest; ++i)
    belief.weights[i] = static_cast<float>((1 - change) * belief.weights[i] * evidence.likelihood[i] / total);
  belief.weights[newest] = static_cast<float>(change * evidence.likelihood[newest] / total);
}

Moments ExponentialAverage::moments(const Belief& belief, std::uint64_t ticks) {
  const auto& exposure = exposures(ticks);
  Moments mix;
  double second = 0;
  for (std::size_t i = 0; i < runs_.count(); ++i) {
    const double seen = prior_.exposure + exposure[i];
    const double mean = (prior_.shape + belief.samples[i]) / seen;
    mix.mean += belief.weights[i] * mean;
    second += belief.weights[i] * (mean * mean + dispersion_ * mean / seen);
  }
  mix.variance = std::max(second - mix.mean * mix.mean, 1e-12);
  return mix;
}

// How far counts scatter around what the likeliest hypothesis expected. A region that just changed is no
// evidence of scatter.
void ExponentialAverage::learn_dispersion(const Belief& belief, const Exposures& exposure,
                                          std::uint32_t count) {
  const auto end = belief.weights.begin() + static_cast<std::ptrdiff_t>(runs_.count());
  const auto best =
      static_cast<std::size_t>(std::max_element(belief.weights.begin(), end) - belief.weights.begin());
  if (best + 1 == runs_.count()) return;
  const double seen = prior_.exposure + std::max(exposure[best] - 1, 0.0);
  const double mean = (prior_.shape + belief.samples[best]) / seen;
  surprise_ += (count - mean) * (count - mean);
  expected_ += mean + mean / seen;
}

void ExponentialAverage::learn(Belief& belief, const Region& region) {
  learn_dispersion(belief, exposures(seen_ticks(region)), region.samples);
  const auto count = static_cast<float>(region.samples);
  belief.samples[0] = belief.samples[0] * static_cast<float>(RunLengths::kKept) + count;
  for (std::size_t i = 1; i < runs_.count(); ++i) belief.samples[i] += count;
  belief.recent_samples = belief.recent_samples * static_cast<float>(kKept) + count;
  belief.recent_demand =
      belief.recent_demand * static_cast<float>(kKept) + static_cast<float>(region.demand.value);
  sample_demand_ += region.demand.value;
  sample_count_ += region.samples;
}

void ExponentialAverage::fit_population(const RegionSnapshot& snapshot) {
  const auto discounted = [](double kept, std::uint64_t ticks) {
    return (1 - std::pow(kept, static_cast<double>(ticks))) / (1 - kept);
  };
  const double whole = discounted(kKept, tick_), whole_noise = discounted(kKept * kKept, tick_);
  Population population;
  for (std::size_t i = 0; i < current_.size(); ++i) {
    const std::uint64_t ticks = seen_ticks(snapshot.regions[i]);
    const bool old = ticks >= std::min(tick_, kOld);
    population.add(current_[i]->recent_samples, old ? whole : discounted(kKept, ticks),
                   old ? whole_noise : discounted(kKept * kKept, ticks));
  }
  population.add(0, whole, whole_noise, static_cast<double>(snapshot.quiet));
  prior_ = population.fit(dispersion_);
}

DemandForecast ExponentialAverage::forecast_of(const Region& region, const Belief& belief) {
  const Moments rate = moments(belief, seen_ticks(region));
  const double common = sample_count_ > 0 ? sample_demand_ / sample_count_ : 0;
  // Accesses one of its samples stands for; one sample's worth of the common figure steadies the ratio.
  const double weight = (belief.recent_demand + common) / (belief.recent_samples + 1);
  const double mean = rate.mean * weight;
  const double shape = rate.mean * rate.mean / rate.variance;
  const DemandQuantiles quantiles{static_cast<float>(mean * gamma_low_ratio(shape)), static_cast<float>(mean),
                                  static_cast<float>(mean * gamma_high_ratio(shape))};
  DemandForecast forecast{region.key, {}};
  forecast.horizons.fill(quantiles);
  return forecast;
}

ForecastSet ExponentialAverage::forecast(const RegionSnapshot& snapshot) {
  ++tick_;
  step_ = runs_.advance();
  sample_demand_ *= kKept, sample_count_ *= kKept;
  surprise_ = expected_ = 0;
  current_.clear();
  evidence_.clear();
  for (const Region& region : snapshot.regions) {
    Belief& belief = beliefs_.try_emplace(region.key, quiet_).first->second;
    advance(belief);
    evidence_.push_back(evidence_of(belief, seen_ticks(region), region.samples));
    current_.push_back(&belief);
  }
  const double change = changed_share();
  for (std::size_t i = 0; i < current_.size(); ++i) {
    weigh(*current_[i], evidence_[i], change);
    learn(*current_[i], snapshot.regions[i]);
  }
  advance(quiet_);
  weigh(quiet_, evidence_of(quiet_, std::min(tick_, kOld), 0), change);
  if (expected_ > 0)
    dispersion_ += kDispersionRate * (std::clamp(surprise_ / expected_, 1.0, 4.0) - dispersion_);
  fit_population(snapshot);

  ForecastSet set{snapshot.sequence, name(), {}};
  set.forecasts.reserve(snapshot.regions.size());
  for (std::size_t i = 0; i < current_.size(); ++i)
    set.forecasts.push_back(forecast_of(snapshot.regions[i], *current_[i]));
  if (tick_ % kForgetAfter == 0) {
    std::erase_if(beliefs_, [&](const auto& entry) { return tick_ - entry.second.tick > kForgetAfter; });
  }
  return set;
}

}  // namespace

std::unique_ptr<Forecaster> make_exponential_average() { return std::make_unique<ExponentialAverage>(); }

}  // namespace tier
