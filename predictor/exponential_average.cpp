#include "predictor/exponential_average.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "predictor/changed_shares.h"
#include "predictor/exposures.h"
#include "predictor/gamma_quantile.h"
#include "predictor/nearest_whole.h"
#include "predictor/outlook_table.h"
#include "predictor/rate_mixture.h"
#include "predictor/run_lengths.h"

namespace tier {
namespace {

constexpr std::size_t kAsked =
    4096;  // regions asked per tick whether they changed; more would tell nothing new
// Where there are many regions, a silent one of which little is expected is looked at in every 2nd, 4th or at
// most 8th tick. What was missed is made up for tick by tick, so that its belief is the same to the bit as if
// it had been looked at in each; in between its forecast goes on as one more silent tick changed it.
constexpr std::uint32_t kMostSilent = 8;
// At most so many samples are expected of a region between two looks, and so much does its forecast fall:
// what is reckoned of it in between is right to a part in a hundred or two.
constexpr double kMostExpected = 1, kMostFall = 0.25;
// A tick in which more of a group may have changed is one in which every region is looked at.
constexpr double kCalm = 0.02;
// Regions are asked in groups how many of them changed, by forecast rate over the common mean: when a whole
// hot set falls silent, each single region's silence may be chance, all of them together are not.
constexpr std::array<double, ChangedShares::kGroups - 1> kGroupBounds = {1, 3};

// Memory of the population and of the accesses per sample.
constexpr double kKept = Exposures::kKept;
constexpr double kDispersionRate = 0.05;  // learnt over 20 ticks
constexpr double kTallySteps = 8;
constexpr std::ptrdiff_t kAhead = 8;         // rows whose beliefs are fetched while earlier ones are met
constexpr std::uint64_t kForgetAfter = 256;  // ticks out of the snapshot
constexpr std::uint64_t kOld = 128;          // ages beyond are as good as for ever

// Below, evidence is weighed in logarithms, lest it vanish altogether in a float.
constexpr double kLeastLikelihood = 1e-20;

// Arrays by slot of RunLengths; those of no hypothesis have no weight. One cache line.
struct alignas(64) Belief {
  std::array<float, RunLengths::kMost> samples{};  // since the hypothesis began
  std::array<float, RunLengths::kMost> weights{1};
};

// What every tick needs of a region, looked at or not.
struct Row {
  RegionKey key;
  std::uint32_t belief = 0;  // index
  std::uint32_t place = 0;   // in Exposures; samples are what it would have shown had it always been there
  std::uint32_t seen = 0;    // the last tick, modulo 2^32, that its belief knows of
  bool old = false;          // as old as all hypotheses
  bool look = true;          // in the running tick
  std::uint8_t every = 1;    // so manieth tick is its turn, a power of two
  std::uint8_t group = 0;    // as of the last look; see kGroupBounds
  float fresh = 0;           // probability that it just changed, were that as likely as not
  float rate = 0;            // forecast at the last tick, samples per exposure
  float fall = 1;            // factor of the rate by another silent tick
  float low = 0, high = 0;   // quantiles of the forecast over its mean
  float recent_samples = 0, recent_demand = 0;  // discounted by kKept
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
  std::uint32_t row = 0;
  std::uint32_t regions = 1;  // that it speaks for: silent ones are looked at in turns
  bool silent = false;
};

// What a tick said of silence, for the regions that were not looked at in it.
using Silence = PastSilence<RunLengths::kMost>;
struct PastTick {
  RunLengths::Step step;
  std::size_t count = 0;                             // of hypotheses
  std::array<float, ChangedShares::kGroups> odds{};  // of "changed just now", by group
  RateMixture kinds;
  std::vector<Silence> silences;  // by place
};

class ExponentialAverage final : public Forecaster {
 public:
  explicit ExponentialAverage(std::size_t looked_at) : looked_at_(std::max<std::size_t>(looked_at, 1)) {}
  std::string name() const override { return "exponential-average"; }
  ForecastSet forecast(const RegionSnapshot& snapshot) override;
  std::size_t bytes_used() const override;

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
  void settle(Row& row, Belief& belief, std::size_t place) const;
  Outlooks& outlooks(std::size_t place, std::uint64_t ticks);
  template <typename Visit>
  void visit_exposures(std::size_t place, std::uint64_t ticks, Visit visit) const;
  void reset(Outlooks& outlooks, std::size_t place, std::uint64_t ticks) const;
  void meet(const RegionSnapshot& snapshot);
  void meet(Row& row, const Region& region);
  bool its_turn(const Row& row) const { return ((row.belief + tick_) & (row.every - 1U)) == 0; }
  Row newcomer(const RegionKey& key);
  void leave(const Row& row);
  static void advance(Belief& belief, RunLengths::Step step);
  void bring_up(Row& row);
  void keep_silent(Belief& belief, const Row& row, std::uint32_t ticks);
  void remember(const ChangedShares::Shares& change);
  Likelihoods likelihoods(const Belief& belief, Outlooks& outlooks, std::uint32_t count) const;
  template <typename Likelihood>
  Finding fold(Belief& belief, Outlooks& outlooks, double visible, std::uint32_t count,
               Likelihood likelihood) const;
  Finding examine(const Row& row, Belief& belief, Outlooks& outlooks, std::uint32_t count) const;
  std::uint32_t group_of(float rate) const;
  void observe(std::size_t index, const Region& region);
  void observe_changing(const RegionSnapshot& snapshot, const ChangedShares::Shares& change);
  ChangedShares::Shares observe_all(const RegionSnapshot& snapshot);
  void learn_dispersion(const Finding& finding, double change, std::uint32_t count);
  static double weigh(Belief& belief, std::size_t newest, const Finding& finding, double change);
  double demand_each(const Row& row) const;
  DemandQuantiles conclude(Row& row, const Finding& finding, double change);
  void foresee_silence(Row& row, double within, double between, double change) const;
  void conclude_all(const ChangedShares::Shares& change, ForecastSet& set);
  RateObservation observation(double samples, std::uint64_t ticks, std::size_t place, double regions) const;
  void note_kind(const Row& row, const Region& region);
  void learn_kinds();

  std::size_t looked_at_;
  std::uint32_t turns_ = 1;                 // ticks in which every silent region is looked at once
  std::vector<Row> rows_;                   // of the running snapshot's regions, in its order
  std::vector<Row> last_;                   // of the one before
  std::vector<Belief> beliefs_;             // in no order
  std::vector<std::uint32_t> free_;         // of beliefs_
  std::array<PastTick, kMostSilent> past_;  // by tick, modulo its size
  std::unordered_map<RegionKey, Memory> absent_;
  // Regions not looked at, by what silence said of them at the last look.
  static constexpr std::size_t kFreshBins = 64;
  struct Alike {
    double regions = 0, sum = 0;  // of Row::fresh
    void add(double fresh) { ++regions, sum += fresh; }
  };
  std::array<std::array<Alike, kFreshBins>, ChangedShares::kGroups> unseen_{};
  std::vector<std::uint32_t> looks_;  // rows looked at for what is known of them by themselves
  std::vector<Finding> findings_;     // of these, then of others looked at
  Row quiet_;                         // of a region that never had a sample: how new ones begin
  Belief quiet_belief_;
  Finding quiet_finding_;
  RunLengths runs_;
  RunLengths::Step step_;
  RateMixture kinds_;
  std::vector<RateObservation> observations_;
  using Tally = std::array<std::uint64_t, 1024>;  // regions by recent samples, in steps of 1 / kTallySteps
  std::vector<Tally> tallies_;                    // by place
  Exposures exposures_;
  std::vector<View> views_;  // by place
  double sample_demand_ = 0,
         sample_count_ = 0;             // discounted sums: accesses a sample at exposure 1 stands for
  double dispersion_ = 1;               // variance of counts over their mean, 1 = Poisson
  double surprise_ = 0, expected_ = 0;  // of the running tick: weighted Σ (n - mean)², expectation
  std::uint64_t tick_ = 0;
};

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

// Calls visit(slot, exposure before the running tick, after it) for every hypothesis.
template <typename Visit>
void ExponentialAverage::visit_exposures(std::size_t place, std::uint64_t ticks, Visit visit) const {
  for (std::size_t i = 0; i < runs_.count(); ++i) {
    const std::size_t slot = runs_.slot(i);
    const double after = runs_.exposure(i, ticks) * exposures_.mean(place, slot);
    visit(slot, std::max(after - exposures_.now(place), 0.0), after);
  }
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
  tallies_[quiet_.place][0] = snapshot.quiet;
  const auto share = static_cast<std::uint32_t>(snapshot.regions.size() / looked_at_);
  turns_ = std::bit_floor(std::clamp(share, std::uint32_t{1}, kMostSilent));
  auto known = last_.begin();
  for (const Region& region : snapshot.regions) {
    while (known != last_.end() && known->key < region.key) leave(*known++);
    if (known != last_.end() && known->key == region.key) {
      if (last_.end() - known > kAhead) __builtin_prefetch(&beliefs_[known[kAhead].belief]);
      Row& row = rows_.emplace_back(*known++);
      row.recent_samples *= static_cast<float>(kKept), row.recent_demand *= static_cast<float>(kKept);
    } else {
      rows_.push_back(newcomer(region.key));
    }
    meet(rows_.back(), region);
  }
  while (known != last_.end()) leave(*known++);
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
    row.recent_demand += static_cast<float>(region.demand.value);
    sample_demand_ += region.demand.value * exposures_.now(row.place);
    sample_count_ += region.samples;
  }
  note_kind(row, region);
  if (!row.look) unseen_[row.group][nearest_whole(row.fresh * (kFreshBins - 1))].add(row.fresh);
}

Row ExponentialAverage::newcomer(const RegionKey& key) {
  Row row = quiet_;
  row.key = key;
  if (free_.empty()) {
    row.belief = static_cast<std::uint32_t>(beliefs_.size());
    beliefs_.push_back(quiet_belief_);
  } else {
    row.belief = free_.back();
    free_.pop_back();
    beliefs_[row.belief] = quiet_belief_;
  }
  row.seen = static_cast<std::uint32_t>(tick_ - 1);
  const auto it = absent_.find(key);
  if (it == absent_.end()) return row;
  const Memory& memory = it->second;
  const auto kept = static_cast<float>(std::pow(kKept, static_cast<double>(tick_ - memory.tick)));
  row.rate = memory.rate;
  row.recent_samples = kept * memory.recent_samples, row.recent_demand = kept * memory.recent_demand;
  if (memory.place != row.place && memory.place < exposures_.places())
    row.recent_samples *= static_cast<float>(exposures_.recent(row.place) / exposures_.recent(memory.place));
  absent_.erase(it);
  return row;
}

void ExponentialAverage::leave(const Row& row) {
  absent_[row.key] = {row.rate, row.recent_samples, row.recent_demand, tick_ - 1, row.place};
  free_.push_back(row.belief);
}

// Brings the hypotheses into step with runs_ and discounts.
void ExponentialAverage::advance(Belief& belief, RunLengths::Step step) {
  belief.samples[0] *= static_cast<float>(RunLengths::kKept);
  belief.weights[step.into] += belief.weights[step.newest];
  belief.weights[step.newest] = 0;
  belief.samples[step.newest] = 0;
}

// Makes up for the ticks in which the region was silent and not looked at, and begins the running one.
void ExponentialAverage::bring_up(Row& row) {
  Belief& belief = beliefs_[row.belief];
  const auto missed = static_cast<std::uint32_t>(tick_) - 1 - row.seen;
  if (missed > 0) keep_silent(belief, row, missed);
  advance(belief, step_);
  row.seen = static_cast<std::uint32_t>(tick_);
}

// What advance(), examine() and weigh() would have done to the belief in the last ticks. The weights are made
// probabilities once, at the end; `sum` is what they come to until then.
void ExponentialAverage::keep_silent(Belief& belief, const Row& row, std::uint32_t ticks) {
  const std::uint32_t group = group_of(row.rate);
  std::array<std::size_t, RunLengths::kMost> index;
  for (std::size_t i = 0; i < index.size(); ++i) index[i] = Silence::index_of(belief.samples[i]);
  float sum = 1;
  std::array<float, RunLengths::kMost> part{};
  for (std::uint64_t tick = tick_ - ticks; tick < tick_; ++tick) {
    PastTick& past = past_[tick % kMostSilent];
    const std::size_t newest = past.step.newest;
    advance(belief, past.step);
    index[0] = Silence::index_of(belief.samples[0]);
    index[newest] = 0;
    auto& silence = past.silences[row.place];
    for (std::size_t i = 0; i < past.count; ++i) part[i] = belief.weights[i] * silence.at(i, index[i]);
    part[newest] = past.odds[group] * silence.at(newest, 0) * sum;
    for (std::size_t i = 0; i < part.size(); ++i) belief.weights[i] = part[i];
    // In pairs: one sum after the other would be most of the work's time.
    sum = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
  }
  for (float& weight : belief.weights) weight /= sum;
}

void ExponentialAverage::remember(const ChangedShares::Shares& change) {
  PastTick& past = past_[tick_ % kMostSilent];
  past.step = step_, past.count = runs_.count(), past.kinds = kinds_;
  for (std::size_t g = 0; g < change.size(); ++g)
    past.odds[g] = static_cast<float>(change[g] / (1 - change[g]));
  past.silences.resize(exposures_.places());
  for (std::size_t place = 0; place < past.silences.size(); ++place) {
    past.silences[place].forget();
    visit_exposures(place, std::min(tick_, kOld), [&](std::size_t slot, double before, double after) {
      past.silences[place].reset(slot, past.kinds, before, after, dispersion_);
    });
  }
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
Finding ExponentialAverage::fold(Belief& belief, Outlooks& outlooks, double visible, std::uint32_t count,
                                 Likelihood likelihood) const {
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

Finding ExponentialAverage::examine(const Row& row, Belief& belief, Outlooks& outlooks,
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
  quiet_finding_ = examine(quiet_, quiet_belief_, *views_[quiet_.place].old, 0);
  shares.add_alike(0, quiet_finding_.fresh / (quiet_finding_.fresh + quiet_finding_.others),
                   static_cast<double>(snapshot.quiet) / static_cast<double>(stride));
  return shares.estimate();
}

// Where many of a group changed, silence says much even of those regions of which it says little else: all of
// the group are looked at.
void ExponentialAverage::observe_changing(const RegionSnapshot& snapshot,
                                          const ChangedShares::Shares& change) {
  for (Finding& finding : findings_) {
    if (change[finding.group] >= kCalm) finding.regions = 1;
  }
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (rows_[i].look || change[group_of(rows_[i].rate)] < kCalm) continue;
    rows_[i].look = true;
    bring_up(rows_[i]);
    observe(i, snapshot.regions[i]);
  }
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

DemandQuantiles ExponentialAverage::conclude(Row& row, const Finding& finding, double change) {
  Belief& belief = beliefs_[row.belief];
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
  foresee_silence(row, within, std::max(square - rate * rate, 0.0), change);
  // What a sample said of a change, the silence after it does not.
  if (!finding.silent) {
    const double expected = rate * exposures_.now(row.place) / dispersion_;
    const double fresh_silence = (*views_[row.place].old)[step_.newest].at(0).silence;
    row.fresh = static_cast<float>(fresh_silence / (fresh_silence + std::exp(-expected)));
  }
  return {static_cast<float>(mean * ratios.low), static_cast<float>(mean),
          static_cast<float>(mean * ratios.high)};
}

// What one more tick without a sample would do to the forecast, to the first order: a posterior mean falls by
// its variance for each unit of exposure (of evidence, that is, which counts for less between hypotheses),
// and moves towards that of a fresh start by the chance of one.
void ExponentialAverage::foresee_silence(Row& row, double within, double between, double change) const {
  const double rate = row.rate, visible = exposures_.now(row.place);
  if (!(rate > 0)) return;
  const double silence = visible * (within + between / dispersion_) / rate;
  const double fresh = change * (quiet_finding_.fresh_mean / rate - 1);
  row.fall = static_cast<float>(1 - silence + fresh);
  const auto& samples = beliefs_[row.belief].samples;
  const bool many = *std::max_element(samples.begin(), samples.end()) > Silence::kMostSamples;
  const double fall = std::abs(row.fall - 1.0), expected = rate * visible;
  const auto may = [&](double ticks) {
    return ticks * fall <= kMostFall && ticks * expected <= kMostExpected;
  };
  row.every = 1;
  while (row.old && !many && row.every < kMostSilent && may(2 * row.every)) row.every *= 2;
}

void ExponentialAverage::begin_tick(const RegionSnapshot& snapshot) {
  ++tick_;
  step_ = runs_.advance();
  exposures_.advance(snapshot.visibility, runs_, step_);
  views_.resize(exposures_.places());
  sample_demand_ *= kKept, sample_count_ *= kKept;
  surprise_ = expected_ = 0;
  settle(quiet_, quiet_belief_, exposures_.slowest());
}

// Of those that were not looked at, by what their silence was foreseen to do.
void ExponentialAverage::conclude_all(const ChangedShares::Shares& change, ForecastSet& set) {
  set.forecasts.resize(rows_.size());
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    Row& row = rows_[i];
    set.forecasts[i].key = row.key;
    if (row.look) continue;
    row.rate *= row.fall;
    const auto mean = static_cast<float>(row.rate * demand_each(row));
    for (DemandQuantiles& q : set.forecasts[i].horizons)
      q.low = mean * row.low, q.mean = mean, q.high = mean * row.high;
  }
  for (const Finding& finding : findings_)
    set.forecasts[finding.row].horizons.fill(conclude(rows_[finding.row], finding, change[finding.group]));
}

ForecastSet ExponentialAverage::forecast(const RegionSnapshot& snapshot) {
  begin_tick(snapshot);
  meet(snapshot);
  advance(quiet_belief_, step_);
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
  if (expected_ > 0)
    dispersion_ += kDispersionRate * (std::clamp(surprise_ / expected_, 1.0, 4.0) - dispersion_);

  ForecastSet set{snapshot.sequence, name(), {}};
  conclude_all(change, set);
  weigh(quiet_belief_, step_.newest, quiet_finding_, change[0]);
  if (tick_ % kForgetAfter == 0) {
    std::erase_if(absent_, [&](const auto& entry) { return tick_ - entry.second.tick > kForgetAfter; });
  }
  return set;
}

}  // namespace

std::unique_ptr<Forecaster> make_exponential_average(std::size_t looked_at) {
  return std::make_unique<ExponentialAverage>(looked_at);
}

}  // namespace tier
