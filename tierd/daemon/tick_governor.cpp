#include "tierd/daemon/tick_governor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

// A level is left again below this share of the limit, on trial: what the level before costs is not known.
constexpr double kRelaxBelow = 0.8;
// A trial that failed is repeated after twice as long, up to this.
constexpr Nanoseconds kMostPatience = std::chrono::minutes(10);
// What was found too dear under one limit may be cheap under another: by so much higher, nothing is thinned.
constexpr double kNewLimit = 1.5;
// The average shows within a quarter of its memory whether a level was enough.
constexpr int kRaisesInMemory = 4;
constexpr unsigned kMostScanShift = 2;

}  // namespace

double TickGovernor::limit() const {
  const double most = std::max(settings_.most_earned, settings_.cpu_limit);
  return std::clamp(settings_.earned_share * stake_, settings_.cpu_limit, most);
}

std::optional<std::string> TickGovernor::tick(Nanoseconds cpu, Nanoseconds passed, StallSeconds stake) {
  if (passed <= Nanoseconds::zero()) return std::nullopt;
  const double share = seconds(cpu) / seconds(passed);
  const double weight = 1 - std::exp(-seconds(passed) / seconds(settings_.memory));
  average_ += weight * (share - average_);
  // What is at stake counts at once when it grows: a program that begins to wait is what looking is for.
  const double now = stake.value / seconds(passed);
  stake_ = std::max(now, stake_ + weight * (now - stake_));
  const double limit = this->limit();
  since_change_ += passed;
  age_ += passed;
  const unsigned before = level_;
  if (level_ > 0 && limit > kNewLimit * limit_raised_at_) level_ = 0, patience_ = {}, relaxed_ = false;
  // Both must be above: the average, so that one costly tick is no reason, and the tick, so that the average,
  // which follows slowly, does not thin more than is needed.
  if (average_ > limit && share > limit) {
    if (age_ <= settings_.memory) return std::nullopt;
    if (level_ == 0 || since_change_ >= settings_.memory / kRaisesInMemory) raise();
  } else if (level_ > 0 && average_ < kRelaxBelow * limit &&
             since_change_ >= std::max(patience_, settings_.memory)) {
    relax();
  }
  if (before == 0 && level_ > 0)
    return fmt::format(
        "tierd used {:.1f} % of a CPU, more than the {:.1f} % that daemon.cpu_limit and what is at stake "
        "allow: it looks at less",
        average_ * 100, limit * 100);
  if (before > 0 && level_ == 0)
    return fmt::format("tierd keeps to {:.1f} % of a CPU again: it looks at everything", limit * 100);
  return std::nullopt;
}

void TickGovernor::raise() {
  if (relaxed_) patience_ = std::min(2 * std::max(patience_, settings_.memory), kMostPatience);
  level_ = std::min(level_ + 1, kMostLevel);
  since_change_ = {};
  relaxed_ = false;
  limit_raised_at_ = limit();
}

void TickGovernor::relax() {
  if (relaxed_) patience_ = {};  // the trial before was good
  --level_;
  since_change_ = {};
  relaxed_ = true;
}

TickAllowance TickGovernor::allowance() const {
  TickAllowance out;
  out.sampling = 1.0 / (1U << level_);
  out.fewer_places = level_ < kFirstPlaces ? 0 : level_ - kFirstPlaces + 1;
  out.mapping_looks = 1U << level_;
  out.rarer_scans = 1U << std::min(level_, kMostScanShift);
  out.idle_work = level_ == 0;
  out.stretch = level_ < kFirstStretch ? 1U : 1U << (level_ - kFirstStretch + 1);
  return out;
}

std::string TickGovernor::story() const {
  if (level_ == 0) return "";
  const TickAllowance now = allowance();
  std::string text =
      fmt::format("samples get {:.2g} % of their budget, mappings are read again every {} looks",
                  now.sampling * 100, now.mapping_looks);
  if (now.fewer_places > 0)
    text += fmt::format(", places asked for at 1 in {} regions", 1U << now.fewer_places);
  if (now.stretch > 1) text += fmt::format(", ticks are {} times as long", now.stretch);
  return text;
}

}  // namespace tier
