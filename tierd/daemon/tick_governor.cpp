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
// The average shows within a quarter of its memory whether a level was enough.
constexpr int kRaisesInMemory = 4;
constexpr unsigned kMostScanShift = 2;

}  // namespace

std::optional<std::string> TickGovernor::tick(Nanoseconds cpu, Nanoseconds passed) {
  if (passed <= Nanoseconds::zero()) return std::nullopt;
  const double share = seconds(cpu) / seconds(passed);
  const double weight = 1 - std::exp(-seconds(passed) / seconds(settings_.memory));
  average_ += weight * (share - average_);
  since_change_ += passed;
  age_ += passed;
  const unsigned before = level_;
  // Both must be above: the average, so that one costly tick is no reason, and the tick, so that the average,
  // which follows slowly, does not thin more than is needed.
  if (average_ > settings_.cpu_limit && share > settings_.cpu_limit) {
    if (age_ <= settings_.memory) return std::nullopt;
    if (level_ == 0 || since_change_ >= settings_.memory / kRaisesInMemory) raise();
  } else if (level_ > 0 && average_ < kRelaxBelow * settings_.cpu_limit &&
             since_change_ >= std::max(patience_, settings_.memory)) {
    relax();
  }
  if (before == 0 && level_ > 0)
    return fmt::format(
        "tierd used {:.1f} % of a CPU, more than daemon.cpu_limit ({:.1f} %): it looks at less",
        average_ * 100, settings_.cpu_limit * 100);
  if (before > 0 && level_ == 0)
    return fmt::format("tierd keeps daemon.cpu_limit ({:.1f} %) again: it looks at everything",
                       settings_.cpu_limit * 100);
  return std::nullopt;
}

void TickGovernor::raise() {
  if (relaxed_) patience_ = std::min(2 * std::max(patience_, settings_.memory), kMostPatience);
  level_ = std::min(level_ + 1, kMostLevel);
  since_change_ = {};
  relaxed_ = false;
}

void TickGovernor::relax() {
  if (relaxed_) patience_ = {};  // the trial before was good
  --level_;
  since_change_ = {};
  relaxed_ = true;
}

TickAllowance TickGovernor::allowance() const {
  TickAllowance out;
  out.fewer_places = level_;
  out.mapping_ticks = 1U << level_;
  out.rarer_scans = 1U << std::min(level_, kMostScanShift);
  out.idle_work = level_ == 0;
  out.stretch = level_ < kFirstStretch ? 1U : 1U << (level_ - kFirstStretch + 1);
  return out;
}

std::string TickGovernor::story() const {
  if (level_ == 0) return "";
  const TickAllowance now = allowance();
  std::string text =
      fmt::format("mappings are read again every {} ticks, places asked for at 1 in {} regions",
                  now.mapping_ticks, 1U << now.fewer_places);
  if (now.stretch > 1) text += fmt::format(", a tick every {} intervals", now.stretch);
  return text;
}

}  // namespace tier
