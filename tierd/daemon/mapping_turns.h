// Whose mappings are read next, within one budget for all processes. Pure: the caller reads, and says what
// that took.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "core/target.h"
#include "core/time_budget.h"

namespace tier {

struct TurnSettings {
  double share = 0.005;                              // of the time, for reading mappings
  Nanoseconds most = std::chrono::milliseconds(50);  // saved up; what first looks may take at once
  std::size_t checks = 256;                          // versions looked at per tick, at most
  // Between looks at the version of a process that does not run: only another one could change its mappings.
  std::uint32_t idle_ticks = 64;
  Nanoseconds again = std::chrono::seconds(60);  // read again though no change was seen
  Nanoseconds longest_pause =
      std::chrono::seconds(64);  // after failures, and samples that no reading explains
};

// A process is due when it was never read, when its version changed, when samples lie outside of what is
// known, and after a while. Who waits longest is served first, but a process waits longer by what its last
// reading took over the share: one with 65,000 mappings that change all the time cannot keep others waiting,
// and nobody waits for ever. Not thread-safe.
class MappingTurns {
 public:
  explicit MappingTurns(TurnSettings settings = {})
      : settings_(settings), budget_(settings.share, settings.most) {}

  // Begins a tick with the processes that are watched, and which of them ran; others are forgotten.
  void begin(std::span<const Target> targets, const std::vector<bool>& ran, Nanoseconds now);
  // Whose version should be looked at in this tick: those that ran since the last look, in turn, and the
  // others now and then.
  std::vector<TargetId> checks();
  // 0: cannot be told, so it is read when its turn comes. `cost`: of the look at it.
  void version(TargetId id, std::uint64_t version, Nanoseconds cost = {});
  void outside(TargetId id);  // it has samples in no known mapping

  // Who is read next in this tick; none when nobody is due or the budget is used up.
  std::optional<TargetId> next();
  // After next(): `version` is as of before the reading.
  void read(TargetId id, std::uint64_t version, Nanoseconds cost);
  void failed(TargetId id, Nanoseconds cost);
  void read_all_again();

  std::size_t waiting() const;  // due now
  std::uint64_t reads() const { return reads_; }
  std::uint64_t postponed() const {
    return postponed_;
  }                            // processes that a tick left waiting, summed over ticks
  Nanoseconds oldest() const;  // of the maps in use that are due: time since they were read
  // Of the map in use where it is due to be read again; none where it is current, or before the first.
  std::optional<Nanoseconds> age(TargetId id) const;
  const TimeBudget& budget() const { return budget_; }

 private:
  struct Entry {
    std::optional<Nanoseconds> due;  // since when, or from when on
    std::optional<Nanoseconds> read_at;
    std::optional<std::uint64_t> version;
    Nanoseconds cost{};                      // of the last reading
    Nanoseconds pause{};                     // before samples outside, or a failure, make it due again
    std::uint64_t checked = 0, watched = 0;  // tick
    bool ran = true;
    bool failing = false;  // the last reading did
  };
  void make_due(Entry& entry, Nanoseconds from) const;
  void finish(Entry& entry, Nanoseconds cost);

  TurnSettings settings_;
  TimeBudget budget_;
  Nanoseconds now_{};
  std::uint64_t tick_ = 0;
  std::map<TargetId, Entry> entries_;
  TargetId next_check_;
  std::vector<TargetId> order_;  // of this tick, the first one last
  bool ordered_ = false;
  std::uint64_t reads_ = 0, postponed_ = 0;
};

}  // namespace tier
