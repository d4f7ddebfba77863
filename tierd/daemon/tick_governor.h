// Holds the daemon to its share of a CPU: tick by tick it says what may be looked at, less and less while the
// daemon uses more than its limit. Pure arithmetic.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/units.h"

namespace tier {

struct GovernorSettings {
  // Of one CPU, over about ten seconds: the work of the ticks and the samplers' programs, which run in the
  // watched programs' time. Beside it are page moves, which the policy prices one by one (migration.rate).
  double cpu_limit = 0.01;
  // Where more is at stake it may cost more: this share of the stall that placement saves and could still
  // save, up to `most_earned` (or cpu_limit, where that is larger).
  double earned_share = 0.1;
  double most_earned = 0.10;
  // Time constant of the average that is held against the limit, which is not held before so long: a start
  // has all places to ask for. Short beside the minutes in which a load changes, long beside the ticks in
  // which all processes are looked at.
  Nanoseconds memory = std::chrono::seconds(10);
};

// What one tick may do; see TickGovernor::level().
struct TickAllowance {
  // Share of their budgets that the sources may use: new code is dear to look at, and clock events are.
  double sampling = 1;
  // Of its usual number, regions are asked for their place 1/2^n. Late, since nothing can be moved whose
  // place is not known.
  unsigned fewer_places = 0;
  // A process's mappings are read again every so many looks at processes at most.
  std::uint32_t mapping_looks = 1;
  // All processes are looked through so many times more rarely; bounded, since nothing else finds new ones.
  std::uint32_t rarer_scans = 1;
  // Work that can wait is not done at all.
  bool idle_work = true;
  // Ticks are so many times as long.
  std::uint32_t stretch = 1;
};

class TickGovernor {
 public:
  explicit TickGovernor(GovernorSettings settings = {}) : settings_(settings) {}

  void set_limit(double cpu_limit) { settings_.cpu_limit = cpu_limit; }

  // After a tick: the CPU time that it took, the time that passed since the last one, and the stall that
  // placement saved in it and could have saved beyond. Returns what is to be told, where thinning has begun
  // or has ended.
  std::optional<std::string> tick(Nanoseconds cpu, Nanoseconds passed, StallSeconds stake);

  // 0: nothing is thinned. Each level halves what may be used on looking; from kFirstStretch on it doubles
  // the interval.
  unsigned level() const { return level_; }
  TickAllowance allowance() const;
  // One sentence; empty at level 0.
  std::string story() const;

  double average() const { return average_; }  // of one CPU
  double limit() const;                        // of one CPU, at what is at stake now

  static constexpr unsigned kFirstStretch = 4, kMostLevel = 7;
  static constexpr unsigned kFirstPlaces = 3;  // the first level at which fewer places are asked for

 private:
  void raise();
  void relax();

  GovernorSettings settings_;
  Nanoseconds age_{};
  double average_ = 0;
  double stake_ = 0;            // seconds a second, averaged likewise but for growth, which counts at once
  double limit_raised_at_ = 0;  // when the level rose last
  unsigned level_ = 0;
  Nanoseconds since_change_{};
  bool relaxed_ = false;    // the last change was downwards
  Nanoseconds patience_{};  // before the next one downwards; zero: `memory`
};

}  // namespace tier
