#include "predictor/exponential_average.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "predictor/gamma_quantile.h"
#include "predictor/posterior_table.h"
#include "predictor/rate_mixture.h"
#include "predictor/run_lengths.h"

namespace tier {
namespace {

// Chance that a region changes its behaviour in a quiet tick, and that a tick begins a new phase. Programs
// have phases of tens of seconds up to hours.
constexpr double kChange = 0.005;
constexpr double kNewPhase = 0.01;
// Shares of the regions that may have changed: in a quiet tick, then in one that begins a new phase.
constexpr std::array<double, 11> kShares = {kChange, 0.05, 0.15, 0.25, 0.35, 0.45,
                                            0.55,    0.65, 0.75, 0.85, 0.95};
constexpr std::size_t kLookedAt = 4096;  // regions looked at per tick; more would tell nothing new
// Regions are asked in groups how many of them changed, by forecast rate over the common mean: when a whole
// hot set falls silent, each single region's silence may be chance, all of them together are not.
constexpr std::array<double, 2> kGroupBounds = {1, 3};
constexpr std::size_t kGroups = kGroupBounds.size() + 1;

// Memory of the population and of the accesses per sample: 14 ticks.
constexpr double kKept = 0.93;
constexpr double kDispersionRate = 0.05;  // learnt over 20 ticks
constexpr double kTallySteps = 8;
constexpr std::uint64_t kForgetAfter = 256;  // ticks out of the snapshot
constexpr std::uint64_t kOld = 128;          // ages beyond are as good as for ever

struct Belief {
  std::array<float, RunLengths::kMost> samples{};  // per hypothesis, since its start
  std::array<float, RunLengths::kMost> weights{1};
  float rate = 0;                               // forecast at the last tick, samples per tick
  float recent_samples = 0, recent_demand = 0;  // discounted by kKept
  std::uint64_t tick = 0;                       // last update
};

struct Moments {
  double mean = 0, variance = 0;  // of the sampled rate per tick
};

// What every hypothesis says of a region, before and after the running tick's count.
struct Tables {
  std::array<PosteriorTable, RunLengths::kMost> before, after;
};

class ExponentialAverage final : public Forecaster {
 public:
  std::string name() const override { return "exponential-average"; }
  ForecastSet forecast(const RegionSnapshot& snapshot) override;
  std::size_t bytes_used() const override {
    return beliefs_.size() * (sizeof(std::pair<RegionKey, Belief>) + 16) + beliefs_.bucket_count() * 8 +
           2 * sizeof(Tables) + (evidence_.capacity() * sizeof(Evidence)) + sizeof(*this);
  }

 private:
  // Of one region and tick; up to a common factor.
  struct Evidence {
    std::array<double, RunLengths::kMost> likelihood{};  // by hypothesis; the newest is "changed just now"
    double unchanged = 0;                                // of all others together
    std::size_t group = 0;
  };
  using Shares = std::array<double, kGroups>;
  std::uint64_t seen_ticks(const Region& region) const {
    return std::min({region.age + std::uint64_t{1}, tick_, kOld});
  }
  Tables& tables(std::uint64_t ticks);
  void reset(Tables& tables, std::uint64_t ticks) const;
  void advance(Belief& belief) const;
  Evidence evidence_of(const Belief& belief, std::uint64_t ticks, std::uint32_t count);
  Shares changed_shares(const Evidence& quiet, std::uint64_t quiet_regions) const;
  void weigh(Belief& belief, const Evidence& evidence, double change) const;
  void learn(Belief& belief, const Region& region);
  Moments moments(const Belief& belief, std::uint64_t ticks);
  DemandForecast forecast_of(const Region& region, Belief& belief);
  void learn_dispersion(const Belief& belief, Tables& table, std::uint32_t count);
  void learn_kinds(const RegionSnapshot& snapshot);

  std::unordered_map<RegionKey, Belief> beliefs_;
  Belief quiet_;                    // of a region that never had a sample: how new ones begin
  std::vector<Belief*> current_;    // of the running snapshot's regions; map nodes stay put
  std::vector<Evidence> evidence_;  // alike
  RunLengths runs_;
  RunLengths::Step step_;
  RateMixture kinds_;
  std::vector<RateObservation> observations_;
  std::array<double, 1024> tally_{};  // regions by recent samples, in steps of 1 / kTallySteps
  // For the regions older than all hypotheses, nearly all, and for those of one younger age at a time.
  std::unique_ptr<Tables> old_ = std::make_unique<Tables>(), young_ = std::make_unique<Tables>();
  std::uint64_t young_age_ = 0;
  double sample_demand_ = 0, sample_count_ = 0;  // discounted sums: accesses one sample stands for
  double dispersion_ = 1;                        // variance of counts over their mean, 1 = Poisson
  double surprise_ = 0, expected_ = 0;           // of the running tick: weighted Σ (n - mean)², expectation
  std::uint64_t tick_ = 0;
};

Tables& ExponentialAverage::tables(std::uint64_t ticks) {
  if (ticks >= std::min(tick_, kOld)) return *old_;
  if (ticks != young_age_) reset(*young_, ticks), young_age_ = ticks;
  return *young_;
}

void ExponentialAverage::reset(Tables& tables, std::uint64_t ticks) const {
  for (std::size_t i = 0; i < runs_.count(); ++i) {
    const double after = runs_.exposure(i, ticks);
    tables.after[i].reset(kinds_, after);
    tables.before[i].reset(kinds_, std::max(after - 1, 0.0));
  }
}

// Brings the hypotheses into step with runs_ and discounts.
void ExponentialAverage::advance(Belief& belief) const {
  const std::uint64_t missed = tick_ - belief.tick - 1;  // ticks outside the snapshot had no samples
  belief.tick = tick_;
  const std::size_t newest = step_.count - 1;
  if (missed > 0) {
    const auto kept = static_cast<float>(std::pow(kKept, static_cast<double>(missed)));
    belief.recent_samples *= kept, belief.recent_demand *= kept;
    belief.samples = {};  // so long out of sight, it may as well be a region never seen
    belief.weights = quiet_.weights;
  }
  belief.samples[0] *= static_cast<float>(RunLengths::kKept);
  belief.recent_samples *= static_cast<float>(kKept), belief.recent_demand *= static_cast<float>(kKept);
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

// The probability that each hypothesis gave to the tick's count.
ExponentialAverage::Evidence ExponentialAverage::evidence_of(const Belief& belief, std::uint64_t ticks,
                                                             std::uint32_t count) {
  Tables& table = tables(ticks);
  const std::size_t newest = runs_.count() - 1;
  Evidence evidence;
  while (evidence.group < kGroupBounds.size() && belief.rate > kGroupBounds[evidence.group] * kinds_.mean())
    ++evidence.group;
  double most = -1e300;
  for (std::size_t i = 0; i <= newest; ++i) {
    const double samples = belief.samples[i];
    evidence.likelihood[i] =
        (table.after[i].at(samples + count).log_marginal - table.before[i].at(samples).log_marginal) /
        dispersion_;
    most = std::max(most, evidence.likelihood[i]);
  }
  for (std::size_t i = 0; i <= newest; ++i) evidence.likelihood[i] = std::exp(evidence.likelihood[i] - most);
  for (std::size_t i = 0; i < newest; ++i) evidence.unchanged += belief.weights[i] * evidence.likelihood[i];
  return evidence;
}

// Share of each group's regions that changed in this tick: its posterior mean, when most ticks are quiet and
// a few begin a new phase, in which any share is as likely as any other.
// The regions outside the snapshot are the other half of the story: cold ones get in by having a sample.
ExponentialAverage::Shares ExponentialAverage::changed_shares(const Evidence& quiet,
                                                              std::uint64_t quiet_regions) const {
  const std::size_t newest = runs_.count() - 1;
  const std::size_t stride = evidence_.size() / kLookedAt + 1;
  std::array<std::array<double, kShares.size()>, kGroups> fit{};  // log likelihood
  const auto add = [&](const Evidence& evidence, double regions) {
    for (std::size_t k = 0; k < kShares.size(); ++k) {
      const double either = kShares[k] * evidence.likelihood[newest] + (1 - kShares[k]) * evidence.unchanged;
      fit[evidence.group][k] += regions * std::log(either + 1e-300);
    }
  };
  for (std::size_t i = 0; i < evidence_.size(); i += stride) add(evidence_[i], 1);
  add(quiet, static_cast<double>(quiet_regions) / static_cast<double>(stride));
  Shares share{};
  for (std::size_t g = 0; g < kGroups; ++g) {
    const double best = *std::max_element(fit[g].begin(), fit[g].end());
    double total = 0;
    for (std::size_t k = 0; k < kShares.size(); ++k) {
      const double prior = k == 0 ? 1 - kNewPhase : kNewPhase / static_cast<double>(kShares.size() - 1);
      const double weight = prior * std::exp(fit[g][k] - best);
      share[g] += weight * kShares[k];
      total += weight;
    }
    share[g] /= total;
  }
  return share;
}

void ExponentialAverage::weigh(Belief& belief, const Evidence& evidence, double change) const {
  const std::size_t newest = runs_.count() - 1;
  const double total = (1 - change) * evidence.unchanged + change * evidence.likelihood[newest] + 1e-300;
  for (std::size_t i = 0; i < newest; ++i)
    belief.weights[i] = static_cast<float>((1 - change) * belief.weights[i] * evidence.likelihood[i] / total);
  belief.weights[newest] = static_cast<float>(change * evidence.likelihood[newest] / total);
}

Moments ExponentialAverage::moments(const Belief& belief, std::uint64_t ticks) {
  Tables& table = tables(ticks);
  Moments mix;
  double second = 0;
  for (std::size_t i = 0; i < runs_.count(); ++i) {
    if (belief.weights[i] < 1e-6F) continue;
    const auto rate = table.after[i].at(belief.samples[i]);
    mix.mean += belief.weights[i] * rate.mean;
    second += belief.weights[i] * (rate.mean * rate.mean + dispersion_ * rate.variance);
  }
  mix.variance = std::max(second - mix.mean * mix.mean, 1e-12);
  return mix;
}

// How far counts scatter around what the likeliest hypothesis expected. A region that just changed is no
// evidence of scatter.
void ExponentialAverage::learn_dispersion(const Belief& belief, Tables& table, std::uint32_t count) {
  const auto end = belief.weights.begin() + static_cast<std::ptrdiff_t>(runs_.count());
  const auto best =
      static_cast<std::size_t>(std::max_element(belief.weights.begin(), end) - belief.weights.begin());
  if (best + 1 == runs_.count()) return;
  const auto rate = table.before[best].at(belief.samples[best]);
  // Sparse regions count by their expectation, all together; dense ones one each, or a single erratic stack
  // with half of all samples would make every other region's counts look like chance.
  const double expected = rate.mean + rate.variance;
  const double weight = 1 / std::max(expected, 1.0);
  surprise_ += weight * (count - rate.mean) * (count - rate.mean);
  expected_ += weight * expected;
}

void ExponentialAverage::learn(Belief& belief, const Region& region) {
  learn_dispersion(belief, tables(seen_ticks(region)), region.samples);
  for (std::size_t i = 0; i < runs_.count(); ++i) belief.samples[i] += static_cast<float>(region.samples);
}

void ExponentialAverage::learn_kinds(const RegionSnapshot& snapshot) {
  const auto discounted = [](double kept, std::uint64_t ticks) {
    return (1 - std::pow(kept, static_cast<double>(ticks))) / (1 - kept);
  };
  const double whole = discounted(kKept, tick_), whole_noise = discounted(kKept * kKept, tick_);
  observations_.clear();
  std::fill(tally_.begin(), tally_.end(), 0);
  tally_[0] = static_cast<double>(snapshot.quiet);
  for (std::size_t i = 0; i < current_.size(); ++i) {
    const double samples = current_[i]->recent_samples;
    const auto bin = static_cast<std::size_t>(std::lround(samples * kTallySteps));
    const std::uint64_t ticks = seen_ticks(snapshot.regions[i]);
    const bool old = ticks >= std::min(tick_, kOld);
    if (old && bin < tally_.size()) {
      tally_[bin] += 1;
    } else {
      observations_.push_back({samples, old ? whole : discounted(kKept, ticks),
                               old ? whole_noise : discounted(kKept * kKept, ticks), 1});
    }
  }
  for (std::size_t bin = 0; bin < tally_.size(); ++bin) {
    if (tally_[bin] > 0)
      observations_.push_back({static_cast<double>(bin) / kTallySteps, whole, whole_noise, tally_[bin]});
  }
  kinds_.learn(observations_, dispersion_);
}

DemandForecast ExponentialAverage::forecast_of(const Region& region, Belief& belief) {
  const Moments rate = moments(belief, seen_ticks(region));
  belief.rate = static_cast<float>(rate.mean);
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
    belief.recent_samples += static_cast<float>(region.samples);
    belief.recent_demand += static_cast<float>(region.demand.value);
    sample_demand_ += region.demand.value;
    sample_count_ += region.samples;
    current_.push_back(&belief);
  }
  learn_kinds(snapshot);
  reset(*old_, std::min(tick_, kOld));
  young_age_ = 0;
  for (std::size_t i = 0; i < current_.size(); ++i) {
    const Region& region = snapshot.regions[i];
    evidence_.push_back(evidence_of(*current_[i], seen_ticks(region), region.samples));
  }
  advance(quiet_);
  const Evidence quiet = evidence_of(quiet_, std::min(tick_, kOld), 0);
  const Shares change = changed_shares(quiet, snapshot.quiet);
  for (std::size_t i = 0; i < current_.size(); ++i) {
    weigh(*current_[i], evidence_[i], change[evidence_[i].group]);
    learn(*current_[i], snapshot.regions[i]);
  }
  weigh(quiet_, quiet, change[0]);
  if (expected_ > 0)
    dispersion_ += kDispersionRate * (std::clamp(surprise_ / expected_, 1.0, 4.0) - dispersion_);

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
