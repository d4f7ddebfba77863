// Whether the access sources show what the watched programs do. A daemon that cannot see takes every page for
// an idle one, so it must move nothing.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>

#include "core/units.h"

namespace tier {

enum class SightState : std::uint8_t {
  kStarting,  // too few samples so far to know whether the sources work
  kSees,      // samples arrive
  kIdle,      // no samples, and the programs use no CPU either
  kBlind,     // the programs use CPU, and no samples arrive
};
const char* to_string(SightState state);  // "starting", "sees", "idle", "blind"

struct SightSettings {
  // Fewer samples a second than this, of all sources together, count as none.
  double fewest_per_second = 1;
  // A source that works yields this many samples before anything is moved.
  std::uint64_t proof = 10;
  // CPU time in user mode without samples, seconds, from which on moves are held back. The slowest kernel
  // tick (CONFIG_HZ=100) would have come ten times.
  double doubt = 0.1;
  // CPU time without samples, and its duration, both seconds, that make the daemon blind.
  double blind_cpu = 1, blind_for = 10;
  // One program of many is unseen when it got no sample where its CPU time promised this many, and used at
  // least this much CPU, seconds. Programs differ in how many samples show an address, by a factor of about
  // five; at a tenth of the usual rate 50 promised samples still mean 5, and none has a chance of 0.7 %.
  double unseen_promised = 50, unseen_cpu = 5;
};

// What one watched program did in one tick.
struct TargetTick {
  TargetId target;
  double user_seconds = 0;    // of CPU time in user mode
  std::uint64_t samples = 0;  // with or without an address, of sources that show pages in use
};

// Pure: time and counts come from the caller. Not thread-safe.
class Sight {
 public:
  explicit Sight(SightSettings settings = {}) : settings_(settings) {}

  // Samples of the running tick, as they come: they count as proof at once. The tick reports them again.
  void arrived(std::uint64_t samples);
  // One tick of `interval` seconds with all targets there are. Returns true when the state changed, or one of
  // the sets of targets.
  bool tick(double interval, std::span<const TargetTick> targets);
  // The sources are other ones from now on: they have to show that they work.
  void sources_changed(bool any);

  SightState state() const { return state_; }
  // Samples arrived before, and the programs have used no CPU without samples since.
  bool may_move() const;
  // Targets that use CPU and get no samples while others do: virtual machines, 32-bit programs, programs on
  // CPUs without a tick. What they hold stays where it is.
  const std::set<TargetId>& unseen() const { return unseen_; }
  // These, and those that use CPU and have not been sampled yet: what they hold must not be taken for idle.
  const std::set<TargetId>& held() const { return held_; }
  std::string reason() const;  // one sentence for people: why the state is what it is

 private:
  struct Account {
    bool ever = false;  // sampled since the sources began
    std::uint64_t ticks = 0;
    double user_seconds = 0;  // this and the rest: since its last sample
    std::uint64_t samples = 0;
    double promised = 0;  // samples that a program of its CPU time gets on average
  };
  void settle();
  bool judge_each(std::span<const TargetTick> targets, double user_seconds, std::uint64_t samples);

  SightSettings settings_;
  SightState state_ = SightState::kStarting;
  bool any_source_ = true;
  std::uint64_t running_ = 0;               // samples that arrived since the last tick
  std::uint64_t since_change_ = 0;          // samples since the sources began, or went blind
  double dark_seconds_ = 0, dark_cpu_ = 0;  // since samples last arrived
  bool few_ = true;                         // in the last tick
  std::map<TargetId, Account> accounts_;
  std::set<TargetId> unseen_, held_;
};

}  // namespace tier
