#include "tierd/daemon/tick_governor.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

// A level is left again below this share of the limit: the level before costs up to twice as much.
constexpr double kRelaxBelow = 0.4;

}  // namespace

std::optional<std::string> TickGovernor::tick(Nanoseconds cpu, Nanoseconds passed) {
  if (passed <= Nanoseconds::zero()) return std::nullopt;
  const double share = seconds(cpu) / seconds(passed);
  const double weight = 1 - std::exp(-seconds(passed) / seconds(settings_.memory));
  average_ += weight * (share - average_);
  since_change_ += passed;
  const unsigned before = level_;
  // Both must be above: the average, so that one costly tick is no reason, and the tick, so that the average,
  // which follows slowly, does not thin more than is needed.
  if (average_ > settings_.cpu_limit && share > settings_.cpu_limit) {
    level_ = std::min(level_ + 1, kMostLevel);
  } else if (level_ > 0 && average_ < kRelaxBelow * settings_.cpu_limit &&
             since_change_ >= settings_.memory) {
    --level_;
  }
  if (level_ != before) since_change_ = {};
  if (before == 0 && level_ > 0)
    return fmt::format(
        "tierd used {:.0f} % of a CPU, more than daemon.cpu_limit ({:.0f} %): it looks at less",
        average_ * 100, settings_.cpu_limit * 100);
  if (before > 0 && level_ == 0)
    return fmt::format("tierd keeps daemon.cpu_limit ({:.0f} %) again: it looks at everything",
                       settings_.cpu_limit * 100);
  return std::nullopt;
}

TickAllowance TickGovernor::allowance() const {
  TickAllowance out;
  out.fewer_places = level_;
  out.mapping_ticks = 1U << level_;
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
