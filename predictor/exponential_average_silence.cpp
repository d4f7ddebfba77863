// Silent regions: at 100 GiB and 200 samples a second 98 of 100 have no sample in a tick, and a posterior
// that changes by a percent would be worked out for each of them. Where there are many regions,
// - one of which little is expected is looked at in every 2nd, 4th or at most 8th tick. What each tick left
//   behind makes up for those missed, so that its belief is what it would be but for rounding; in between its
//   forecast goes on as one more silent tick would change it, to the first order;
// - those of which no hypothesis has a sample any more are alike, and share one belief for each place.
// exponential_average_test.cpp holds how far forecasts may be off by that.
#include <algorithm>
#include <cmath>
#include <utility>

#include "predictor/exponential_average_state.h"

namespace tier {
namespace {

// At most so many samples are expected of a region between two looks, and by so much does its forecast fall:
// what is reckoned of it in between is then right to a part in a hundred or two.
constexpr double kMostExpected = 1, kMostFall = 0.25;

}  // namespace

bool ExponentialAverage::unsampled(const Belief& belief) {
  return std::all_of(belief.samples.begin(), belief.samples.end(),
                     [](float samples) { return Silence::index_of(samples) == 0; });
}

// From now on it has a belief of its own, which is as that of its place's quiet ones was after the last tick.
void ExponentialAverage::take_belief(Row& row) {
  const Belief& belief = quiets_[std::min<std::size_t>(row.place, quiets_.size() - 1)].belief;
  if (free_.empty()) {
    row.belief = static_cast<std::uint32_t>(beliefs_.size());
    beliefs_.push_back(belief);
  } else {
    row.belief = free_.back();
    free_.pop_back();
    beliefs_[row.belief] = belief;
  }
  row.seen = static_cast<std::uint32_t>(tick_ - 1);
  row.every = 1;
}

void ExponentialAverage::give_belief(Row& row) {
  free_.push_back(row.belief);
  row.belief = kShared;
  row.recent_samples = row.recent_demand = 0;
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
    part[newest] = past.odds[row.group] * silence.at(newest, 0) * sum;
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

// Where many of a group changed, silence says much even of those regions of which it says little else: all of
// the group are looked at.
void ExponentialAverage::observe_changing(const RegionSnapshot& snapshot,
                                          const ChangedShares::Shares& change) {
  for (Finding& finding : findings_) {
    if (change[finding.group] >= kCalm) finding.regions = 1;
  }
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (rows_[i].look || rows_[i].belief == kShared || change[rows_[i].group] < kCalm) continue;
    rows_[i].look = true;
    bring_up(rows_[i]);
    observe(i, snapshot.regions[i]);
  }
}

float ExponentialAverage::fresh_if_silent(const Row& row) const {
  const double silence = std::exp(-row.rate * exposures_.now(row.place) / dispersion_);
  const double fresh = (*views_[row.place].old)[step_.newest].at(0).silence;
  return static_cast<float>(fresh / (fresh + silence));
}

// What one more tick without a sample would do to the forecast, to the first order: a posterior mean falls by
// its variance for each unit of exposure (of evidence, that is, which counts for less between hypotheses),
// and moves towards that of a fresh start by the chance of one.
void ExponentialAverage::foresee_silence(Row& row, const Belief& belief, double within, double between,
                                         double change) const {
  const double rate = row.rate, visible = exposures_.now(row.place);
  if (!(rate > 0)) return;
  const double silence = visible * (within + between / dispersion_) / rate;
  const double fresh = change * (quiets_.back().finding.fresh_mean / rate - 1);
  row.fall = static_cast<float>(1 - silence + fresh);
  const auto& samples = belief.samples;
  const bool many = *std::max_element(samples.begin(), samples.end()) > Silence::kMostSamples;
  const double fall = std::abs(row.fall - 1.0), expected = rate * visible;
  const auto may = [&](double ticks) {
    return ticks * fall <= kMostFall && ticks * expected <= kMostExpected;
  };
  row.every = 1;
  while (row.old && !many && row.every < kMostSilent && may(2 * row.every)) row.every *= 2;
}

}  // namespace tier
