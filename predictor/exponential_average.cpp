#include "predictor/exponential_average.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>

#include "predictor/exponential_average_state.h"
#include "predictor/gamma_quantile.h"
#include "predictor/nearest_whole.h"

namespace tier {
namespace {

// Regions asked per tick whether they changed; more would tell nothing new.
constexpr std::size_t kAsked = 4096;
// Regions are asked in groups how many of them changed, by forecast rate over the common mean: when a whole
// hot set falls silent, each single region's silence may be chance, all of them together are not.
constexpr std::array<double, ChangedShares::kGroups - 1> kGroupBounds = {1, 3};

constexpr double kDispersionRate = 0.05;  // learnt over 20 ticks
constexpr double kTallySteps = 8;
constexpr std::ptrdiff_t kAhead = 8;         // rows whose beliefs are fetched while earlier ones are met
constexpr std::uint64_t kForgetAfter = 256;  // ticks out of the snapshot

// Below, evidence is weighed in logarithms, lest it vanish altogether in a float.
constexpr double kLeastLikelihood = 1e-20;

}  // namespace

std::size_t ExponentialAverage::bytes_used() const {
  std::size_t bytes = sizeof(*this) + (rows_.capacity() + last_.capacity()) * sizeof(Row) +
                      beliefs_.capacity() * sizeof(Belief) + free_.capacity() * sizeof(free_[0]) +
                      looks_.capacity() * sizeof(looks_[0]) + findings_.capacity() * sizeof(Finding) +
                      absent_.size() * (sizeof(std::pair<RegionKey, Memory>) + 16) +
                      absent_.bucket_count() * 8 + views_.size() * (sizeof(View) + 2 * sizeof(Outlooks));
  for (const PastTick& past : past_) bytes += past.silences.size() * sizeof(past.silences[0]);
  return bytes;
}

ExponentialAverage::Outlooks& ExponentialAverage::outlooks(std::size_t place, std::uint64_t ticks) {
  View& view = views_[place];
  if (ticks >= std::min(tick_, kOld)) return *view.old;
  if (ticks != view.young_age) reset(*view.young, place, ticks), view.young_age = ticks;
  return *view.young;
}

void ExponentialAverage::reset(Outlooks& outlooks, std::size_t place, std::uint64_t ticks) const {
  visit_exposures(place, ticks, [&](std::size_t slot, double before, double after) {
    outlooks[slot].reset(kinds_, before, after, dispersion_);
  });
}

// What a region left where it was, as if it had always been here.
void ExponentialAverage::settle(Row& row, Belief& belief, std::size_t place) const {
  const std::size_t from = std::exchange(row.place, static_cast<std::uint32_t>(place));
  if (from == place || from >= exposures_.places())
    return;  // its node is gone, and how well it was seen there
  for (std::size_t i = 0; i < runs_.count(); ++i) {
    const std::size_t slot = runs_.slot(i);
    belief.samples[slot] *= static_cast<float>(exposures_.mean(place, slot) / exposures_.mean(from, slot));
  }
  row.recent_samples *= static_cast<float>(exposures_.recent(place) / exposures_.recent(from));
}

// Brings the rows in line with the snapshot, both sorted by key, and its counts into the averages.
void ExponentialAverage::meet(const RegionSnapshot& snapshot) {
  std::swap(rows_, last_);
  rows_.clear();
  rows_.reserve(snapshot.regions.size());
  looks_.clear();
  observations_.clear();
  unseen_ = {};
  tallies_.assign(exposures_.places(), Tally{});
  tallies_.back()[0] = snapshot.quiet;
  for (Quiet& quiet : quiets_) quiet.finding.regions = 0;
  const auto share = static_cast<std::uint32_t>(snapshot.regions.size() / looked_at_);
  turns_ = std::bit_floor(std::clamp(share, std::uint32_t{1}, kMostSilent));
  auto known = last_.begin();
  for (const Region& region : snapshot.regions) {
    while (known != last_.end() && known->key < region.key) leave(*known++);
    if (known != last_.end() && known->key == region.key) {
      if (last_.end() - known > kAhead && known[kAhead].belief != kShared)
        __builtin_prefetch(&beliefs_[known[kAhead].belief]);
      Row& row = rows_.emplace_back(*known++);
      if (stays_quiet(row, region)) continue;
      row.recent_samples *= static_cast<float>(kKept), row.recent_demand *= static_cast<float>(kKept);
    } else {
      come(rows_.emplace_back(), region.key);
    }
    meet(rows_.back(), region);
  }
  while (known != last_.end()) leave(*known++);
}

// Of those that share a belief. One that does no longer has its own from here on.
bool ExponentialAverage::stays_quiet(Row& row, const Region& region) {
  if (row.belief != kShared) return false;
  row.look = false;
  row.old = seen_ticks(region) >= std::min(tick_, kOld);
  if (turns_ > 1 && row.old && region.samples == 0 && exposures_.place_of(region.node) == row.place) {
    ++quiets_[row.place].finding.regions;
    return true;
  }
  take_belief(row);
  return false;
}

void ExponentialAverage::meet(Row& row, const Region& region) {
  const std::size_t place = exposures_.place_of(region.node);
  row.old = seen_ticks(region) >= std::min(tick_, kOld);
  row.every = std::min(row.every, static_cast<std::uint8_t>(turns_));
  const bool rested = static_cast<std::uint32_t>(tick_) - row.seen >= kMostSilent;
  row.look = its_turn(row) || rested || !row.old || region.samples > 0 || place != row.place;
  if (row.look) {
    looks_.push_back(static_cast<std::uint32_t>(&row - rows_.data()));
    bring_up(row);
    settle(row, beliefs_[row.belief], place);
  }
  if (region.samples > 0) {
    row.recent_samples += static_cast<float>(region.samples);
    const double demand = region.demand.value / tick_seconds_;
    row.recent_demand += static_cast<float>(demand);
    sample_demand_ += demand * exposures_.now(row.place);
    sample_count_ += region.samples;
  }
  note_kind(row, region);
  if (!row.look) unseen_[row.group][nearest_whole(row.fresh * (kFreshBins - 1))].add(row.fresh);
}

void ExponentialAverage::come(Row& row, const RegionKey& key) {
  row.key = key;
  row.place = quiets_.back().row.place;
  take_belief(row);
  const auto it = absent_.find(key);
  if (it == absent_.end()) return;
  const Memory& memory = it->second;
  const auto kept = static_cast<float>(std::pow(kKept, static_cast<double>(tick_ - memory.tick)));
  row.rate = memory.rate;
  row.recent_samples = kept * memory.recent_samples, row.recent_demand = kept * memory.recent_demand;
  if (memory.place != row.place && memory.place < exposures_.places())
    row.recent_samples *= static_cast<float>(exposures_.recent(row.place) / exposures_.recent(memory.place));
  absent_.erase(it);
}

void ExponentialAverage::leave(const Row& row) {
  if (row.belief == kShared) return;
  absent_[row.key] = {row.rate, row.recent_samples, row.recent_demand, tick_ - 1, row.place};
  free_.push_back(row.belief);
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
ExponentialAverage::Finding ExponentialAverage::fold(Belief& belief, Outlooks& outlooks, double visible,
                                                     std::uint32_t count, Likelihood likelihood) const {
  Finding finding;
  double others = 0, most = 0, mean = 0, square = 0, variance = 0;
  std::size_t best = 0;
  for (std::size_t i = 0; i < runs_.count(); ++i) {
    const Outlook& after = outlooks[i].at(belief.samples[i] + static_cast<float>(count));
    const double likely = likelihood(i, after);
    const double part = belief.weights[i] * likely, weighed = part * after.mean;
    if (i == step_.newest)
      finding.fresh = likely, finding.fresh_mean = after.mean, finding.fresh_variance = after.variance;
    if (part > most) most = part, best = i;
    belief.weights[i] = static_cast<float>(part);
    others += part;
    mean += weighed, square += weighed * after.mean;
    variance += part * after.variance;
  }
  finding.others = others, finding.most = most;
  finding.mean = mean, finding.square = square, finding.variance = variance;
  const Outlook& before = outlooks[best].at(belief.samples[best]);
  finding.expected = static_cast<float>(before.mean_before * visible);
  finding.spread = static_cast<float>(before.variance_before * visible * visible);
  return finding;
}

ExponentialAverage::Finding ExponentialAverage::examine(const Row& row, Belief& belief, Outlooks& outlooks,
                                                        std::uint32_t count) const {
  const double visible = exposures_.now(row.place);
  const auto weights = belief.weights;
  Finding finding;
  if (count == 0)
    finding = fold(belief, outlooks, visible, 0,
                   [](std::size_t, const Outlook& outlook) { return outlook.silence; });
  if (finding.fresh + finding.others < kLeastLikelihood) {
    belief.weights = weights;
    const Likelihoods found = likelihoods(belief, outlooks, count);
    finding = fold(belief, outlooks, visible, count, [&](std::size_t i, const Outlook&) { return found[i]; });
  }
  if (finding.fresh + finding.others < kLeastLikelihood) finding.fresh = 1;  // nobody expected that
  finding.group = group_of(row.rate);
  for (float& samples : belief.samples) samples += static_cast<float>(count);
  return finding;
}

std::uint32_t ExponentialAverage::group_of(float rate) const {
  std::uint32_t group = 0;
  while (group < kGroupBounds.size() && rate > kGroupBounds[group] * kinds_.mean()) ++group;
  return group;
}

void ExponentialAverage::observe(std::size_t index, const Region& region) {
  Row& row = rows_[index];
  Finding& finding = findings_.emplace_back(
      examine(row, beliefs_[row.belief], outlooks(row.place, seen_ticks(region)), region.samples));
  finding.row = static_cast<std::uint32_t>(index);
  finding.silent = region.samples == 0;
  row.group = static_cast<std::uint8_t>(finding.group);
  row.fresh = static_cast<float>(finding.fresh / (finding.fresh + finding.others));
}

// The regions outside the snapshot are the other half of the story: cold ones get in by having a sample.
ChangedShares::Shares ExponentialAverage::observe_all(const RegionSnapshot& snapshot) {
  findings_.clear();
  ChangedShares shares;
  const std::size_t stride = rows_.size() / kAsked + 1;
  std::size_t passed = stride - 1;
  for (const std::uint32_t i : looks_) {
    observe(i, snapshot.regions[i]);
    const Row& row = rows_[i];
    if (its_turn(row) && findings_.back().silent) findings_.back().regions = row.every;
    if (++passed < stride) continue;
    shares.add(row.group, row.fresh);
    passed = 0;
  }
  // Of the others their last look tells: what silence says of a region changes little from tick to tick.
  for (std::size_t group = 0; group < unseen_.size(); ++group)
    for (const Alike& alike : unseen_[group])
      if (alike.regions > 0)
        shares.add_alike(group, alike.sum / alike.regions, alike.regions / static_cast<double>(stride));
  for (Quiet& quiet : quiets_) {
    const std::uint32_t here = quiet.finding.regions;
    quiet.finding = examine(quiet.row, quiet.belief, *views_[quiet.row.place].old, 0);
    quiet.finding.group = 0;
    quiet.finding.regions = here;
    const std::uint64_t regions = here + (&quiet == &quiets_.back() ? snapshot.quiet : 0);
    shares.add_alike(0, quiet.finding.fresh / (quiet.finding.fresh + quiet.finding.others),
                     static_cast<double>(regions) / static_cast<double>(stride));
  }
  return shares.estimate();
}

// How far counts scatter around what the likeliest hypothesis expected. A region that just changed is no
// evidence of scatter. `change`: how likely it was beforehand that a region like it changes in this tick.
void ExponentialAverage::learn_dispersion(const Finding& finding, double change, std::uint32_t count) {
  if (change * finding.fresh > (1 - change) * finding.most) return;
  // Sparse regions count by their expectation, all together; dense ones one each, or a single erratic stack
  // with half of all samples would make every other region's counts look like chance.
  const double mean = finding.expected, expected = mean + finding.spread;
  const double weight = finding.regions / std::max(expected, 1.0);
  surprise_ += weight * (count - mean) * (count - mean);
  expected_ += weight * expected;
}

// Returns the factor that makes the parts of the others probabilities.
double ExponentialAverage::weigh(Belief& belief, std::size_t newest, const Finding& finding, double change) {
  const double total = (1 - change) * finding.others + change * finding.fresh;
  const double kept = (1 - change) / total;
  for (float& weight : belief.weights) weight *= static_cast<float>(kept);
  belief.weights[newest] = static_cast<float>(change * finding.fresh / total);
  return kept;
}

// What recent samples of so many ticks tell of a region's kind, by the discounted ticks they come from.
RateObservation ExponentialAverage::observation(double samples, std::uint64_t ticks, std::size_t place,
                                                double regions) const {
  const auto discounted = [ticks](double kept) {
    return (1 - std::pow(kept, static_cast<double>(ticks))) / (1 - kept);
  };
  const double visible = exposures_.recent(place);
  return {samples, visible * discounted(kKept), visible * discounted(kKept * kKept), regions};
}

void ExponentialAverage::note_kind(const Row& row, const Region& region) {
  const auto bin = nearest_whole(static_cast<double>(row.recent_samples) * kTallySteps);
  Tally& tally = tallies_[row.place];
  if (row.old && bin < tally.size()) {
    ++tally[bin];
  } else {
    const std::uint64_t ticks = row.old ? tick_ : seen_ticks(region);
    observations_.push_back(observation(row.recent_samples, ticks, row.place, 1));
  }
}

void ExponentialAverage::learn_kinds() {
  for (std::size_t place = 0; place < tallies_.size(); ++place) {
    tallies_[place][0] += quiets_[place].finding.regions;
    const RateObservation like = observation(0, tick_, place, 0);
    for (std::size_t bin = 0; bin < tallies_[place].size(); ++bin) {
      const auto regions = static_cast<double>(tallies_[place][bin]);
      if (regions > 0)
        observations_.push_back({static_cast<double>(bin) / kTallySteps, like.exposure, like.noise, regions});
    }
  }
  kinds_.learn(observations_, dispersion_);
}

// Accesses that one of its samples at exposure 1 stands for; a sample of the common figure steadies the
// ratio.
double ExponentialAverage::demand_each(const Row& row) const {
  const double common = sample_count_ > 0 ? sample_demand_ / sample_count_ : 0;
  return (row.recent_demand * exposures_.recent(row.place) + common) / (row.recent_samples + 1);
}

DemandQuantiles ExponentialAverage::conclude(Row& row, Belief& belief, const Finding& finding,
                                             double change) const {
  const double kept = weigh(belief, step_.newest, finding, change);
  const double fresh = belief.weights[step_.newest];
  const double rate = kept * finding.mean + fresh * finding.fresh_mean;
  const double square = kept * finding.square + fresh * finding.fresh_mean * finding.fresh_mean;
  const double within = kept * finding.variance + fresh * finding.fresh_variance;
  const double variance = std::max(square + dispersion_ * within - rate * rate, 1e-12);
  const double mean = rate * demand_each(row);
  const GammaRatios ratios = gamma_ratios(rate * rate / variance);
  row.rate = static_cast<float>(rate);
  row.low = static_cast<float>(ratios.low), row.high = static_cast<float>(ratios.high);
  foresee_silence(row, belief, within, std::max(square - rate * rate, 0.0), change);
  // What a sample said of a change, the silence after it does not.
  if (!finding.silent) row.fresh = fresh_if_silent(row);
  return {static_cast<float>(mean * ratios.low), static_cast<float>(mean),
          static_cast<float>(mean * ratios.high)};
}

void ExponentialAverage::begin_tick(const RegionSnapshot& snapshot) {
  ++tick_;
  tick_seconds_ = snapshot.seconds();
  step_ = runs_.advance();
  exposures_.advance(snapshot.visibility, tick_seconds_, runs_, step_);
  views_.resize(exposures_.places());
  sample_demand_ *= kKept, sample_count_ *= kKept;
  surprise_ = expected_ = 0;
  while (quiets_.size() > exposures_.places()) quiets_.pop_back();
  while (quiets_.size() < exposures_.places()) {
    Quiet quiet = quiets_.empty() ? Quiet{} : quiets_.back();
    quiet.row.place = static_cast<std::uint32_t>(quiets_.size());
    quiets_.push_back(quiet);
  }
}

// Of those that were not looked at, by what their silence was foreseen to do.
void ExponentialAverage::conclude_all(const ChangedShares::Shares& change, ForecastSet& set) {
  std::vector<DemandQuantiles> quiet;  // by place
  for (Quiet& q : quiets_) quiet.push_back(conclude(q.row, q.belief, q.finding, change[0]));
  set.forecasts.reserve(rows_.size());
  for (Row& row : rows_) {
    DemandForecast& forecast = set.forecasts.emplace_back();
    forecast.key = row.key;
    if (row.look) continue;
    if (row.belief == kShared) {
      forecast.horizons.fill(quiet[row.place]);
      continue;
    }
    row.rate *= row.fall;
    const auto mean = static_cast<float>(row.rate * demand_each(row));
    for (DemandQuantiles& q : forecast.horizons)
      q.low = mean * row.low, q.mean = mean, q.high = mean * row.high;
  }
  for (const Finding& finding : findings_) {
    Row& row = rows_[finding.row];
    Belief& belief = beliefs_[row.belief];
    set.forecasts[finding.row].horizons.fill(conclude(row, belief, finding, change[finding.group]));
    if (turns_ > 1 && row.old && finding.silent && unsampled(belief)) give_belief(row);
  }
}

ForecastSet ExponentialAverage::forecast(const RegionSnapshot& snapshot) {
  begin_tick(snapshot);
  meet(snapshot);
  for (Quiet& quiet : quiets_) advance(quiet.belief, step_);
  learn_kinds();
  for (std::size_t place = 0; place < views_.size(); ++place) {
    reset(*views_[place].old, place, std::min(tick_, kOld));
    views_[place].young_age = 0;
  }
  const ChangedShares::Shares change = observe_all(snapshot);
  if (*std::max_element(change.begin(), change.end()) >= kCalm) observe_changing(snapshot, change);
  if (turns_ > 1) remember(change);
  for (const Finding& finding : findings_)
    learn_dispersion(finding, change[finding.group], snapshot.regions[finding.row].samples);
  for (const Quiet& quiet : quiets_)
    if (quiet.finding.regions > 0) learn_dispersion(quiet.finding, change[0], 0);
  if (expected_ > 0)
    dispersion_ += kDispersionRate * (std::clamp(surprise_ / expected_, 1.0, 4.0) - dispersion_);

  ForecastSet set{snapshot.sequence, name(), {}};
  conclude_all(change, set);
  // Samples tell of a region's past, and few samples little of it; its accessed bits that it is over.
  for (std::size_t i = 0; i < set.forecasts.size(); ++i)
    if (snapshot.regions[i].untouched) set.forecasts[i].horizons.fill({});
  if (tick_ % kForgetAfter == 0) {
    std::erase_if(absent_, [&](const auto& entry) { return tick_ - entry.second.tick > kForgetAfter; });
  }
  return set;
}

std::unique_ptr<Forecaster> make_exponential_average(std::size_t looked_at) {
  return std::make_unique<ExponentialAverage>(looked_at);
}

}  // namespace tier
