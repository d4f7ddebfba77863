#include "tierd/ledger/comparison.h"

#include <algorithm>
#include <cmath>

#include "core/quantiles.h"

namespace tier {
namespace {

constexpr double kNarrow = 0.01;     // of the stall on the slowest tier: less is no difference worth a name
constexpr double kLeastDegrees = 3;  // of freedom: with fewer an error tells nothing

using Buckets = std::array<GroupSums, kRegionBuckets>;

struct Groups {
  GroupSums control, rest;
};

Groups groups_of(const Buckets& buckets, ControlGroup group) {
  Groups out;
  for (int i = 0; i < kRegionBuckets; ++i)
    (i < group.buckets ? out.control : out.rest) += buckets[static_cast<std::size_t>(i)];
  return out;
}

// What is left of a sum's waiting after what the rest's ratio and the placement's difficulty explain.
struct Model {
  double ratio = 0, best_ratio = 0, slope = 0, slope_variance = 0;
  double all = 0, all_off = 0;  // what was fitted to: sum of slowest, sum of squares of off_best
  double off_best(const GroupSums& sums) const { return sums.best - best_ratio * sums.slowest; }
  double residual(const GroupSums& sums) const {
    return sums.spent() - ratio * sums.slowest - slope * off_best(sums);
  }
  // Of a bucket that the model was fitted to, without its own pull on it: HC3 (MacKinnon and White, "Some
  // heteroskedasticity-consistent covariance matrix estimators", Journal of Econometrics 29, 1985), nearly
  // the jackknife over buckets. A bucket that has most of all stall makes everything uncertain.
  double own_residual(const GroupSums& sums) const {
    const double pull = sums.slowest / all + (all_off > 0 ? std::pow(off_best(sums), 2) / all_off : 0);
    return residual(sums) / std::max(1 - pull, 0.02);
  }
};

Model fit(const Buckets& buckets, const GroupSums& rest, ControlGroup group) {
  Model model{rest.spent() / rest.slowest, rest.best / rest.slowest, 0, 0, rest.slowest, 0};
  const auto first = static_cast<std::size_t>(group.buckets);
  double both = 0, best = 0, spread = 0;
  for (std::size_t i = first; i < buckets.size(); ++i) {
    const double off = model.off_best(buckets[i]);
    both += off * model.residual(buckets[i]);
    best += off * off;
  }
  // Less than noise of the arithmetic is no slope.
  if (best <= 1e-18 * rest.slowest * rest.slowest) return model;
  model.slope = both / best;
  model.all_off = best;
  for (std::size_t i = first; i < buckets.size(); ++i)
    spread += std::pow(model.off_best(buckets[i]) * model.own_residual(buckets[i]), 2);
  model.slope_variance = spread / (best * best);
  return model;
}

struct Variance {
  double value = 0, degrees = 0;
};

Variance between_regions(const Buckets& buckets, const Groups& sums, ControlGroup group, const Model& model) {
  double squares = 0, fourths = 0, count = 0;
  for (std::size_t i = static_cast<std::size_t>(group.buckets); i < buckets.size(); ++i) {
    const double residual = model.own_residual(buckets[i]);
    squares += residual * residual, fourths += std::pow(residual, 4), ++count;
  }
  const double lone = sums.control.squares / sums.rest.squares;
  const double rest = sums.control.slowest / sums.rest.slowest;
  Variance out;
  const double slope = model.slope_variance * std::pow(model.off_best(sums.control), 2);
  out.value = (squares * (lone + rest * rest) + slope) / (sums.control.slowest * sums.control.slowest);
  // Few buckets with most of the residuals are few observations (Satterthwaite); a normal one's fourth moment
  // is three times its variance squared. Two are for ratio and slope.
  out.degrees = fourths > 0 ? std::min(count, 3 * squares * squares / fourths) - 2 : count;
  return out;
}

Variance between_times(std::span<const ComparisonBlock> blocks, const Groups& sums, ControlGroup group,
                       const Model& model) {
  const double scale = sums.control.slowest / sums.rest.slowest;
  const double difference = model.residual(sums.control) / sums.control.slowest;
  double squares = 0;
  for (const ComparisonBlock& block : blocks) {
    const Groups part = groups_of(block.buckets, group);
    const double off =
        model.residual(part.control) - difference * part.control.slowest - scale * model.residual(part.rest);
    squares += off * off;
  }
  const auto count = static_cast<double>(blocks.size());
  return {squares * count / (count - 1) / (sums.control.slowest * sums.control.slowest), count - 1};
}

}  // namespace

GroupSums& GroupSums::operator+=(const GroupSums& other) {
  waited += other.waited, rent += other.rent, slowest += other.slowest;
  best += other.best, squares += other.squares;
  return *this;
}

double Estimate::half(double normal_quantile) const {
  return error * student_quantile(normal_quantile, std::max(degrees, kLeastDegrees));
}

std::optional<Estimate> estimate(std::span<const ComparisonBlock> blocks, ControlGroup group, bool trial) {
  Estimate out;
  Buckets total{};
  for (const ComparisonBlock& block : blocks) {
    out.ticks += block.ticks;
    for (std::size_t i = 0; i < total.size(); ++i) total[i] += block.buckets[i];
  }
  const Groups sums = groups_of(total, group);
  if (blocks.size() < 2 || group.buckets == 0 || !(sums.control.slowest > 0) || !(sums.rest.slowest > 0))
    return std::nullopt;
  const Model model = fit(total, sums.rest, group);
  const Variance regions = between_regions(total, sums, group, model);
  const Variance times = between_times(blocks, sums, group, model);
  out.blocks = blocks.size();
  out.share = model.residual(sums.control) / sums.control.slowest * (trial ? -1 : 1);
  const double variance = regions.value + times.value;
  out.error = std::sqrt(variance);
  // Welch and Satterthwaite: of a sum of variances.
  const double parts = regions.value * regions.value / std::max(regions.degrees, 0.5) +
                       times.value * times.value / times.degrees;
  out.degrees = parts > 0 ? variance * variance / parts : times.degrees;
  out.slowest = trial ? sums.control.slowest : sums.rest.slowest;
  if (!(out.degrees >= kLeastDegrees) || !std::isfinite(out.error)) return std::nullopt;
  return out;
}

const char* to_string(Evidence evidence) {
  switch (evidence) {
    case Evidence::kTooLittle:
      return "not enough evidence yet";
    case Evidence::kSaves:
      return "the forecast saves";
    case Evidence::kLoses:
      return "the forecast loses";
    case Evidence::kAlike:
      return "no difference";
  }
  return "not enough evidence yet";
}

Evidence evidence_of(const std::optional<Estimate>& estimate) {
  if (!estimate) return Evidence::kTooLittle;
  const double half = estimate->half(kNormal95);
  if (estimate->share - half > 0) return Evidence::kSaves;
  if (estimate->share + half < 0) return Evidence::kLoses;
  return std::abs(estimate->share) + half < kNarrow ? Evidence::kAlike : Evidence::kTooLittle;
}

void Comparison::begin_stage(ControlGroup group, bool trial) {
  if (const auto ended = stage()) {
    past_saved_ += ended->saved();
    past_variance_ += std::pow(ended->error * ended->slowest, 2);
    past_ticks_ += ended->ticks;
  }
  settings_.group = group;
  trial_ = trial;
  now_ = {}, running_ = {};
  recent_.clear(), all_.clear();
  all_block_ = 0, said_ = 0, stage_ticks_ = 0, control_regions_ = 0;
}

void Comparison::add(const RegionKey& key, const GroupSums& sums) { now_[bucket(key)] += sums; }

void Comparison::close_tick(std::uint64_t control_regions) {
  if (!on()) return;
  control_regions_ = control_regions;
  ++stage_ticks_, ++running_.ticks;
  for (std::size_t i = 0; i < now_.size(); ++i) running_.buckets[i] += now_[i];
  now_ = {};
  if (running_.ticks >= settings_.block) close_block();
}

void Comparison::close_block() {
  if (recent_.size() >= settings_.recent) recent_.erase(recent_.begin());
  recent_.push_back(running_);
  // The stage's blocks double their length when there are too many: they then outlast whatever correlation
  // there is (batch means that grow with the run: Yeh and Schmeiser, "Simulation output analysis via dynamic
  // batch means", WSC 2000).
  all_block_ = std::max<std::uint64_t>(all_block_, 1);
  if (!all_.empty() && all_.back().ticks < all_block_ * settings_.block) {
    all_.back().ticks += running_.ticks;
    for (std::size_t i = 0; i < now_.size(); ++i) all_.back().buckets[i] += running_.buckets[i];
  } else {
    all_.push_back(running_);
  }
  if (all_.size() > settings_.recent) {
    for (std::size_t i = 0; i + 1 < all_.size(); i += 2) {
      all_[i].ticks += all_[i + 1].ticks;
      for (std::size_t b = 0; b < now_.size(); ++b) all_[i].buckets[b] += all_[i + 1].buckets[b];
      all_[i / 2] = all_[i];
    }
    if (all_.size() % 2 == 1) all_[all_.size() / 2] = all_.back();
    all_.resize((all_.size() + 1) / 2);
    all_block_ *= 2;
  }
  running_ = {};
  check();
}

void Comparison::check() {
  const auto now = recent();
  const double half = now ? now->half(kNormal99) : 0;
  const bool says = now && (trial_ ? now->share - half > 0 : now->share + half < 0);
  said_ = says ? said_ + 1 : 0;
}

std::optional<Estimate> Comparison::of(const std::vector<ComparisonBlock>& blocks) const {
  if (stage_ticks_ < settings_.least_blocks * settings_.block) return std::nullopt;
  return estimate(blocks, settings_.group, trial_);
}

std::optional<Estimate> Comparison::recent() const { return of(recent_); }
std::optional<Estimate> Comparison::stage() const { return of(all_); }

std::optional<Comparison::Life> Comparison::life() const {
  const auto now = stage();
  if (!now && past_ticks_ == 0) return std::nullopt;
  Life out{past_saved_, past_variance_, past_ticks_};
  if (now) {
    out.saved += now->saved(), out.ticks += now->ticks;
    out.error += std::pow(now->half(kNormal95) / kNormal95 * now->slowest, 2);
  }
  out.error = std::sqrt(out.error);
  return out;
}

GroupSums Comparison::sums(bool control) const {
  GroupSums out;
  const auto take = [&](const ComparisonBlock& block) {
    const Groups both = groups_of(block.buckets, settings_.group);
    out += control ? both.control : both.rest;
  };
  for (const ComparisonBlock& block : all_) take(block);
  take(running_);
  return out;
}

std::size_t Comparison::bytes_used() const {
  return sizeof(*this) + (recent_.capacity() + all_.capacity()) * sizeof(ComparisonBlock);
}

}  // namespace tier
