// Holds the daemon to its share of a CPU: tick by tick it says what may be looked at, less and less while the
// daemon uses more than its limit. Pure arithmetic.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/units.h"

namespace tier {

struct GovernorSettings {
  // Of one CPU, over about ten seconds, the work of the ticks. Beside it: the samplers'
  // programs, which run in the watched programs' time (sampling.cpu_budget), and page moves, which the policy
  // prices one by one (migration.rate). A tick over some hundred processes takes one or two per cent; the
  // learned forecaster may take five.
  double cpu_limit = 0.10;
  // Time constant of the average that is held against the limit, which is not held before so long: a start
  // has all places to ask for. Short beside the minutes in which a load changes, long beside the ticks in
  // which all processes are looked at.
  Nanoseconds memory = std::chrono::seconds(10);
};

// What one tick may do; see TickGovernor::level().
struct TickAllowance {
  // Of its usual number, regions are asked for their place 1/2^n.
  unsigned fewer_places = 0;
  // A process's mappings are read again every so many ticks at most.
  std::uint32_t mapping_ticks = 1;
  // All processes are looked through so many times more rarely; bounded, since nothing else finds new ones.
  std::uint32_t rarer_scans = 1;
  // Work that can wait is not done at all.
  bool idle_work = true;
  // A tick is begun at every so manieth interval.
  std::uint32_t stretch = 1;
};

class TickGovernor {
 public:
  explicit TickGovernor(GovernorSettings settings = {}) : settings_(settings) {}

  void set_limit(double cpu_limit) { settings_.cpu_limit = cpu_limit; }

  // After a tick: the CPU time that it took, and the time that passed since the last one. Returns what is to
  // be told, where thinning has begun or has ended.
  std::optional<std::string> tick(Nanoseconds cpu, Nanoseconds passed);

  // 0: nothing is thinned. Each level halves what is looked at; from kFirstStretch on it doubles the
  // interval.
  unsigned level() const { return level_; }
  TickAllowance allowance() const;
  // One sentence; empty at level 0.
  std::string story() const;

  double average() const { return average_; }  // of one CPU
  double limit() const { return settings_.cpu_limit; }

  static constexpr unsigned kFirstStretch = 4, kMostLevel = 7;

 private:
  void raise();
  void relax();

  GovernorSettings settings_;
  Nanoseconds age_{};
  double average_ = 0;
  unsigned level_ = 0;
  Nanoseconds since_change_{};
  bool relaxed_ = false;    // the last change was downwards
  Nanoseconds patience_{};  // before the next one downwards; zero: `memory`
};

}  // namespace tier
