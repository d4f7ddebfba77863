#include "predictor/exponential_average.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "predictor/changed_shares.h"
#include "predictor/exposures.h"
#include "predictor/gamma_quantile.h"
#include "predictor/nearest_whole.h"
#include "predictor/outlook_table.h"
#include "predictor/rate_mixture.h"
#include "predictor/run_lengths.h"

namespace tier {
namespace {

constexpr std::size_t kLookedAt = 4096;  // regions looked at per tick; more would tell nothing new
// Regions are asked in groups how many of them changed, by forecast rate over the common mean: when a whole
// hot set falls silent, each single region's silence may be chance, all of them together are not.
constexpr std::array<double, ChangedShares::kGroups - 1> kGroupBounds = {1, 3};

// Memory of the population and of the accesses per sample.
constexpr double kKept = Exposures::kKept;
constexpr double kDispersionRate = 0.05;  // learnt over 20 ticks
constexpr double kTallySteps = 8;
constexpr std::uint64_t kForgetAfter = 256;  // ticks out of the snapshot
constexpr std::uint64_t kOld = 128;          // ages beyond are as good as for ever

// Below, evidence is weighed in logarithms, lest it vanish altogether in a float.
constexpr double kLeastLikelihood = 1e-20;

// Arrays by slot of RunLengths; those of no hypothesis have no weight.
struct Belief {
  RegionKey key;
  std::array<float, RunLengths::kMost> samples{};  // since the hypothesis began
  std::array<float, RunLengths::kMost> weights{1};
  float rate = 0;                               // forecast at the last tick, samples per exposure
  float recent_samples = 0, recent_demand = 0;  // discounted by kKept
  std::uint32_t place =
      0;  // in Exposures; samples are what it would have shown had the region always been there
};

// What is kept of a region that left the snapshot; the rest is as of one never seen.
struct Memory {
  float rate = 0, recent_samples = 0, recent_demand = 0;
  std::uint64_t tick = 0;  // last one in the snapshot
  std::uint32_t place = 0;
};

// What a tick's count says of a region, before it is known how many of its like changed just now. Parts of
// probability, up to a common factor.
struct Finding {
  double fresh = 0, others = 0;  // of "changed just now" if that is sure beforehand; of all others
  double most = 0;               // of the likeliest of those
  double mean = 0, square = 0, variance = 0;  // of the rate under them, each times its part
  double fresh_mean = 0, fresh_variance = 0;  // under "changed just now"
  float expected = 0, spread = 0;             // samples that the likeliest foretold: mean and variance
  std::uint32_t group = 0;
};

class ExponentialAverage final : public Forecaster {
 public:
  std::string name() const override { return "exponential-average"; }
  ForecastSet forecast(const RegionSnapshot& snapshot) override;
  std::size_t bytes_used() const override {
    return (beliefs_.capacity() + last_.capacity()) * sizeof(Belief) +
           findings_.capacity() * sizeof(Finding) +
           absent_.size() * (sizeof(std::pair<RegionKey, Memory>) + 16) + absent_.bucket_count() * 8 +
           views_.size() * sizeof(View) + 2 * views_.size() * sizeof(Outlooks) + sizeof(*this);
  }

 private:
  // Of every hypothesis, by slot.
  using Outlooks = std::array<OutlookTable, RunLengths::kMost>;
  using Likelihoods = std::array<double, RunLengths::kMost>;
  std::uint64_t seen_ticks(const Region& region) const {
    return std::min({region.age + std::uint64_t{1}, tick_, kOld});
  }
  // What the hypotheses say of a place's regions: those older than all hypotheses, nearly all, and those of
  // one younger age at a time.
  struct View {
    std::unique_ptr<Outlooks> old = std::make_unique<Outlooks>(), young = std::make_unique<Outlooks>();
    std::uint64_t young_age = 0;
  };
  void begin_tick(const RegionSnapshot& snapshot);
  void settle(Belief& belief, std::size_t place) const;
  Outlooks& outlooks(std::size_t place, std::uint64_t ticks);
  void reset(Outlooks& outlooks, std::size_t place, std::uint64_t ticks) const;
  void meet(const RegionSnapshot& snapshot);
  Belief newcomer(const RegionKey& key);
  void leave(const Belief& belief);
  void advance(Belief& belief) const;
  Likelihoods likelihoods(const Belief& belief, Outlooks& outlooks, std::uint32_t count) const;
  template <typename Likelihood>
  Finding fold(Belief& belief, Outlooks& outlooks, std::uint32_t count, Likelihood likelihood) const;
  Finding examine(Belief& belief, Outlooks& outlooks, std::uint32_t count) const;
  std::uint32_t group_of(const Belief& belief) const;
  ChangedShares::Shares observe_all(const RegionSnapshot& snapshot);
  void learn_dispersion(const Finding& finding, double change, std::uint32_t count);
  double weigh(Belief& belief, const Finding& finding, double change) const;
  DemandForecast conclude(const Region& region, Belief& belief, const Finding& finding, double change) const;
  void learn_kinds(const RegionSnapshot& snapshot);

  std::vector<Belief> beliefs_;  // of the running snapshot's regions, in its order
  std::vector<Belief> last_;     // of the one before
  std::unordered_map<RegionKey, Memory> absent_;
  std::vector<Finding> findings_;  // of beliefs_
  Belief quiet_;                   // of a region that never had a sample: how new ones begin
  Finding quiet_finding_;
  RunLengths runs_;
  RunLengths::Step step_;
  RateMixture kinds_;
  std::vector<RateObservation> observations_;
  using Tally = std::array<double, 1024>;  // regions by recent samples, in steps of 1 / kTallySteps
  std::vector<Tally> tallies_;             // by place
  Exposures exposures_;
  std::vector<View> views_;  // by place
  double sample_demand_ = 0,
         sample_count_ = 0;             // discounted sums: accesses a sample at exposure 1 stands for
  double dispersion_ = 1;               // variance of counts over their mean, 1 = Poisson
  double surprise_ = 0, expected_ = 0;  // of the running tick: weighted Σ (n - mean)², expectation
  std::uint64_t tick_ = 0;
};

ExponentialAverage::Outlooks& ExponentialAverage::outlooks(std::size_t place, std::uint64_t ticks) {
  View& view = views_[place];
  if (ticks >= std::min(tick_, kOld)) return *view.old;
  if (ticks != view.young_age) reset(*view.young, place, ticks), view.young_age = ticks;
  return *view.young;
}

void ExponentialAverage::reset(Outlooks& outlooks, std::size_t place, std::uint64_t ticks) const {
  for (std::size_t i = 0; i < runs_.count(); ++i) {
    const std::size_t slot = runs_.slot(i);
    const double after = runs_.exposure(i, ticks) * exposures_.mean(place, slot);
    const double before = std::max(after - exposures_.now(place), 0.0);
    outlooks[slot].reset(kinds_, before, after, dispersion_);
  }
}

// What a region left where it was, as if it had always been here.
void ExponentialAverage::settle(Belief& belief, std::size_t place) const {
  if (belief.place == place) return;
  if (belief.place >= exposures_.places()) {  // its node is gone, and how well it was seen there
    belief.place = static_cast<std::uint32_t>(place);
    return;
  }
  for (std::size_t i = 0; i < runs_.count(); ++i) {
    const std::size_t slot = runs_.slot(i);
    belief.samples[slot] *=
        static_cast<float>(exposures_.mean(place, slot) / exposures_.mean(belief.place, slot));
  }
  belief.recent_samples *= static_cast<float>(exposures_.recent(place) / exposures_.recent(belief.place));
  belief.place = static_cast<std::uint32_t>(place);
}

// Brings the beliefs in line with the snapshot, both sorted by key, and its counts into the averages.
void ExponentialAverage::meet(const RegionSnapshot& snapshot) {
  std::swap(beliefs_, last_);
  beliefs_.clear();
  beliefs_.reserve(snapshot.regions.size());
  auto known = last_.begin();
  for (const Region& region : snapshot.regions) {
    while (known != last_.end() && known->key < region.key) leave(*known++);
    if (known != last_.end() && known->key == region.key) {
      beliefs_.push_back(*known++);
      advance(beliefs_.back());
    } else {
      beliefs_.push_back(newcomer(region.key));
    }
    Belief& belief = beliefs_.back();
    settle(belief, exposures_.place_of(region.node));
    belief.recent_samples += static_cast<float>(region.samples);
    belief.recent_demand += static_cast<float>(region.demand.value);
    sample_demand_ += region.demand.value * exposures_.now(belief.place);
    sample_count_ += region.samples;
  }
  while (known != last_.end()) leave(*known++);
}

Belief ExponentialAverage::newcomer(const RegionKey& key) {
  Belief belief = quiet_;
  belief.key = key;
  const auto it = absent_.find(key);
  if (it == absent_.end()) return belief;
  const Memory& memory = it->second;
  const auto kept = static_cast<float>(std::pow(kKept, static_cast<double>(tick_ - memory.tick)));
  belief.rate = memory.rate;
  belief.recent_samples = kept * memory.recent_samples, belief.recent_demand = kept * memory.recent_demand;
  if (memory.place != belief.place && memory.place < exposures_.places())
    belief.recent_samples *=
        static_cast<float>(exposures_.recent(belief.place) / exposures_.recent(memory.place));
  absent_.erase(it);
  return belief;
}

void ExponentialAverage::leave(const Belief& belief) {
  absent_[belief.key] = {belief.rate, belief.recent_samples, belief.recent_demand, tick_ - 1, belief.place};
}

// Brings the hypotheses into step with runs_ and discounts.
void ExponentialAverage::advance(Belief& belief) const {
  belief.samples[0] *= static_cast<float>(RunLengths::kKept);
  belief.recent_samples *= static_cast<float>(kKept), belief.recent_demand *= static_cast<float>(kKept);
  belief.weights[step_.into] += belief.weights[step_.newest];
  belief.weights[step_.newest] = 0;
  belief.samples[step_.newest] = 0;
}

// The probability that each hypothesis gave to the tick's count, up to a common factor.
ExponentialAverage::Likelihoods ExponentialAverage::likelihoods(const Belief& belief, Outlooks& outlooks,
                                                                std::uint32_t count) const {
  Likelihoods found{};
  double most = -1e300;
  for (std::size_t i = 0; i < runs_.count(); ++i) {
    const double before = outlooks[i].at(belief.samples[i]).log_before;
    const double after = outlooks[i].at(belief.samples[i] + static_cast<float>(count)).log_after;
    found[i] = (after - before) / dispersion_;
    most = std::max(most, found[i]);
  }
  for (std::size_t i = 0; i < runs_.count(); ++i) found[i] = std::exp(found[i] - most);
  return found;
}

// Weighs the hypotheses but the newest, which has no weight yet, by likelihood(slot, what it says then).
template <typename Likelihood>
Finding ExponentialAverage::fold(Belief& belief, Outlooks& outlooks, std::uint32_t count,
                                 Likelihood likelihood) const {
  Finding finding;
  std::size_t best = 0;
  for (std::size_t i = 0; i < runs_.count(); ++i) {
    const Outlook& after = outlooks[i].at(belief.samples[i] + static_cast<float>(count));
    const double likely = likelihood(i, after);
    const double part = belief.weights[i] * likely, weighed = part * after.mean;
    if (i == step_.newest)
      finding.fresh = likely, finding.fresh_mean = after.mean, finding.fresh_variance = after.variance;
    if (part > finding.most) finding.most = part, best = i;
    belief.weights[i] = static_cast<float>(part);
    finding.others += part;
    finding.mean += weighed, finding.square += weighed * after.mean;
    finding.variance += part * after.variance;
  }
  const Outlook& before = outlooks[best].at(belief.samples[best]);
  const double visible = exposures_.now(belief.place);
  finding.expected = static_cast<float>(before.mean_before * visible);
  finding.spread = static_cast<float>(before.variance_before * visible * visible);
  return finding;
}

Finding ExponentialAverage::examine(Belief& belief, Outlooks& outlooks, std::uint32_t count) const {
  const auto weights = belief.weights;
  Finding finding;
  if (count == 0)
    finding = fold(belief, outlooks, 0, [](std::size_t, const Outlook& outlook) { return outlook.silence; });
  if (finding.fresh + finding.others < kLeastLikelihood) {
    belief.weights = weights;
    const Likelihoods found = likelihoods(belief, outlooks, count);
    finding = fold(belief, outlooks, count, [&](std::size_t i, const Outlook&) { return found[i]; });
  }
  if (finding.fresh + finding.others < kLeastLikelihood) finding.fresh = 1;  // nobody expected that
  finding.group = group_of(belief);
  for (float& samples : belief.samples) samples += static_cast<float>(count);
  return finding;
}

std::uint32_t ExponentialAverage::group_of(const Belief& belief) const {
  std::uint32_t group = 0;
  while (group < kGroupBounds.size() && belief.rate > kGroupBounds[group] * kinds_.mean()) ++group;
  return group;
}

// The regions outside the snapshot are the other half of the story: cold ones get in by having a sample.
ChangedShares::Shares ExponentialAverage::observe_all(const RegionSnapshot& snapshot) {
  findings_.clear();
  findings_.reserve(beliefs_.size());
  ChangedShares shares;
  const std::size_t stride = beliefs_.size() / kLookedAt + 1;
  std::size_t next_looked_at = 0;
  for (std::size_t i = 0; i < beliefs_.size(); ++i) {
    const Region& region = snapshot.regions[i];
    const Finding& finding = findings_.emplace_back(
        examine(beliefs_[i], outlooks(beliefs_[i].place, seen_ticks(region)), region.samples));
    if (i < next_looked_at) continue;
    shares.add(finding.group, finding.fresh / (finding.fresh + finding.others));
    next_looked_at += stride;
  }
  quiet_finding_ = examine(quiet_, *views_[quiet_.place].old, 0);
  shares.add_alike(0, quiet_finding_.fresh / (quiet_finding_.fresh + quiet_finding_.others),
                   static_cast<double>(snapshot.quiet) / static_cast<double>(stride));
  return shares.estimate();
}

// How far counts scatter around what the likeliest hypothesis expected. A region that just changed is no
// evidence of scatter. `change`: how likely it was beforehand that a region like it changes in this tick.
void ExponentialAverage::learn_dispersion(const Finding& finding, double change, std::uint32_t count) {
  if (change * finding.fresh > (1 - change) * finding.most) return;
  // Sparse regions count by their expectation, all together; dense ones one each, or a single erratic stack
  // with half of all samples would make every other region's counts look like chance.
  const double mean = finding.expected, expected = mean + finding.spread;
  const double weight = 1 / std::max(expected, 1.0);
  surprise_ += weight * (count - mean) * (count - mean);
  expected_ += weight * expected;
}

// Returns the factor that makes the parts of the others probabilities.
double ExponentialAverage::weigh(Belief& belief, const Finding& finding, double change) const {
  const double total = (1 - change) * finding.others + change * finding.fresh;
  const double kept = (1 - change) / total;
  for (float& weight : belief.weights) weight *= static_cast<float>(kept);
  belief.weights[step_.newest] = static_cast<float>(change * finding.fresh / total);
  return kept;
}

void ExponentialAverage::learn_kinds(const RegionSnapshot& snapshot) {
  const auto discounted = [](double kept, std::uint64_t ticks) {
    return (1 - std::pow(kept, static_cast<double>(ticks))) / (1 - kept);
  };
  const double whole = discounted(kKept, tick_), whole_noise = discounted(kKept * kKept, tick_);
  observations_.clear();
  tallies_.assign(exposures_.places(), Tally{});
  tallies_[quiet_.place][0] = static_cast<double>(snapshot.quiet);
  for (std::size_t i = 0; i < beliefs_.size(); ++i) {
    const double samples = beliefs_[i].recent_samples;
    const auto bin = nearest_whole(samples * kTallySteps);
    const std::uint64_t ticks = seen_ticks(snapshot.regions[i]);
    const bool old = ticks >= std::min(tick_, kOld);
    const double visible = exposures_.recent(beliefs_[i].place);
    Tally& tally = tallies_[beliefs_[i].place];
    if (old && bin < tally.size()) {
      tally[bin] += 1;
    } else {
      observations_.push_back({samples, visible * (old ? whole : discounted(kKept, ticks)),
                               visible * (old ? whole_noise : discounted(kKept * kKept, ticks)), 1});
    }
  }
  for (std::size_t place = 0; place < tallies_.size(); ++place) {
    const double visible = exposures_.recent(place);
    for (std::size_t bin = 0; bin < tallies_[place].size(); ++bin) {
      const double regions = tallies_[place][bin], samples = static_cast<double>(bin) / kTallySteps;
      if (regions > 0) observations_.push_back({samples, visible * whole, visible * whole_noise, regions});
    }
  }
  kinds_.learn(observations_, dispersion_);
}

DemandForecast ExponentialAverage::conclude(const Region& region, Belief& belief, const Finding& finding,
                                            double change) const {
  const double kept = weigh(belief, finding, change);
  const double fresh = belief.weights[step_.newest];
  const double rate = kept * finding.mean + fresh * finding.fresh_mean;
  const double square = kept * finding.square + fresh * finding.fresh_mean * finding.fresh_mean;
  const double scatter = dispersion_ * (kept * finding.variance + fresh * finding.fresh_variance);
  const double variance = std::max(square + scatter - rate * rate, 1e-12);
  belief.rate = static_cast<float>(rate);
  const double common = sample_count_ > 0 ? sample_demand_ / sample_count_ : 0;
  // Accesses one of its samples at exposure 1 stands for; a sample of the common figure steadies the ratio.
  const double visible = exposures_.recent(belief.place);
  const double weight = (belief.recent_demand * visible + common) / (belief.recent_samples + 1);
  const double mean = rate * weight;
  const GammaRatios ratios = gamma_ratios(rate * rate / variance);
  const DemandQuantiles quantiles{static_cast<float>(mean * ratios.low), static_cast<float>(mean),
                                  static_cast<float>(mean * ratios.high)};
  DemandForecast forecast{region.key, {}};
  forecast.horizons.fill(quantiles);
  return forecast;
}

void ExponentialAverage::begin_tick(const RegionSnapshot& snapshot) {
  ++tick_;
  step_ = runs_.advance();
  exposures_.advance(snapshot.visibility, runs_, step_);
  views_.resize(exposures_.places());
  sample_demand_ *= kKept, sample_count_ *= kKept;
  surprise_ = expected_ = 0;
  advance(quiet_);
  settle(quiet_, exposures_.slowest());
}

ForecastSet ExponentialAverage::forecast(const RegionSnapshot& snapshot) {
  begin_tick(snapshot);
  meet(snapshot);
  learn_kinds(snapshot);
  for (std::size_t place = 0; place < views_.size(); ++place) {
    reset(*views_[place].old, place, std::min(tick_, kOld));
    views_[place].young_age = 0;
  }
  const ChangedShares::Shares change = observe_all(snapshot);
  for (std::size_t i = 0; i < beliefs_.size(); ++i)
    learn_dispersion(findings_[i], change[findings_[i].group], snapshot.regions[i].samples);
  if (expected_ > 0)
    dispersion_ += kDispersionRate * (std::clamp(surprise_ / expected_, 1.0, 4.0) - dispersion_);

  ForecastSet set{snapshot.sequence, name(), {}};
  set.forecasts.reserve(snapshot.regions.size());
  for (std::size_t i = 0; i < beliefs_.size(); ++i)
    set.forecasts.push_back(
        conclude(snapshot.regions[i], beliefs_[i], findings_[i], change[findings_[i].group]));
  weigh(quiet_, quiet_finding_, change[0]);
  if (tick_ % kForgetAfter == 0) {
    std::erase_if(absent_, [&](const auto& entry) { return tick_ - entry.second.tick > kForgetAfter; });
  }
  return set;
}

}  // namespace

std::unique_ptr<Forecaster> make_exponential_average() { return std::make_unique<ExponentialAverage>(); }

}  // namespace tier
