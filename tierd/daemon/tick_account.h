// Which ticks could not keep their interval, and what took the time.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/units.h"

namespace tier {

// How many ticks figures of the daemon's own cost go back, on average.
inline constexpr double kOwnCostTicks = 30;

using TickPhases = std::vector<std::pair<const char*, Nanoseconds>>;

class TickAccount {
 public:
  // After each tick: how long it worked and what took how long; of a tick that ended early the first phases.
  // Where that is more than the interval, what there is to tell.
  std::optional<std::string> tick(Nanoseconds work, Nanoseconds interval, const TickPhases& phases);

  std::uint64_t late() const { return late_; }               // ticks that took longer than their interval
  Nanoseconds worst() const { return worst_; }               // of all ticks
  const std::string& worst_phase() const { return phase_; }  // what took most of that one; empty before any

  // Seconds a second of wall time that each phase took lately, in the phases' order.
  const std::vector<std::pair<std::string, double>>& shares() const { return shares_; }

 private:
  std::uint64_t late_ = 0;
  Nanoseconds worst_{};
  std::string phase_;
  std::vector<std::pair<std::string, double>> shares_;
};

}  // namespace tier
