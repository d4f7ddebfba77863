// Whether the access sources show what the watched programs do. A daemon that gets no samples takes every
// page for an idle one, so it must move nothing.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <unordered_map>

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
  // A source that works yields this many samples before anything is moved.
  std::uint64_t proof = 10;
  // CPU time in user mode without samples, seconds, from which on moves are held back. Where the sampling
  // rate is known, ten samples must be missing besides.
  double doubt = 0.1, doubt_missing = 10;
  // CPU time without samples, and its duration, both seconds, that make the daemon blind. Where the sampling
  // rate is known, fifty samples must be missing besides.
  double blind_cpu = 1, blind_for = 10, blind_missing = 50;
  // Fewer than this share of the samples that are due count as none.
  double fewest = 0.05;
  // One program is unseen when it used so much CPU, seconds, was due so many samples, and got fewer than
  // `fewest` of them. Where the rate is not known, due is what a program of its CPU time gets on average, and
  // unseen is who got none: at a tenth of the usual rate 50 due samples mean 5, and P(0 | 5) is 0.7 %.
  double unseen_cpu = 5, unseen_due = 50;
  // A program is unseen, too, when of this many samples fewer than a hundredth show an address.
  double undecoded = 200;
};

// What is known of the sources that sample now.
struct SightRate {
  double per_cpu_second = 0;  // samples per second of CPU time in user mode; 0: not proportional to it
  double silence = 0;         // seconds between two deliveries of a source that works, at most
};

// What one watched program did in one tick.
struct TargetTick {
  TargetId target;
  double user_seconds = 0;     // of CPU time in user mode
  std::uint64_t samples = 0;   // of sources that show pages in use, with or without an address
  std::uint64_t decoded = 0;   // of them, with an address
  std::uint64_t deferred = 0;  // of them, not looked at yet: whether they have an address is not known
};

// Pure: time and counts come from the caller. Not thread-safe.
class Sight {
 public:
  explicit Sight(SightSettings settings = {}) : settings_(settings) {}

  // Samples of the running tick, as they come: they count as proof at once. The tick reports them again.
  void arrived(std::uint64_t samples);
  // One tick of `interval` seconds with all targets there are. Returns true when the state changed, or one of
  // the sets of targets.
  bool tick(double interval, std::span<const TargetTick> targets, const SightRate& rate = {});
  // The sources are other ones from now on: they have to show that they work.
  void sources_changed(bool any);

  SightState state() const { return state_; }
  // Samples arrived before, and the programs have used next to no CPU without samples since.
  bool may_move() const;
  // The present sources, or this one, have failed: CPU was used and no samples came. False also while that is
  // not known yet, though the state may be blind from before.
  bool dark() const;
  // Targets that use CPU and get no samples while others do, or samples without addresses: virtual machines,
  // 32-bit programs, programs on CPUs without a tick. What they hold stays where it is.
  const std::set<TargetId>& unseen() const { return unseen_; }
  // These, and those that use CPU and have not been sampled yet: what they hold must not be taken for idle.
  const std::set<TargetId>& held() const { return held_; }
  std::string reason() const;  // one sentence for people: why the state is what it is

 private:
  struct Account {
    bool ever = false;                  // sampled since the sources began
    std::uint64_t ticks = 0, last = 0;  // that it was watched in: how many, and which was the last
    // Halved together once 200 samples were due, so that the account follows what the program does now.
    double user_seconds = 0, due = 0, samples = 0, decoded = 0;
  };
  void settle(double user_seconds);
  bool judge_each(std::span<const TargetTick> targets, double user_seconds, std::uint64_t samples,
                  const SightRate& rate);
  bool is_unseen(const Account& account, const SightRate& rate) const;

  SightSettings settings_;
  SightState state_ = SightState::kStarting;
  bool any_source_ = true;
  bool was_blind_ = false;     // and no proof has come since
  std::uint64_t running_ = 0;  // samples that arrived since the last tick
  std::uint64_t since_change_ =
      0;  // samples since the sources began, or while blind since the last dark tick
  SightRate rate_;
  // Since samples last arrived; CPU time and samples due are counted from the longest silence on.
  double dark_seconds_ = 0, dark_cpu_ = 0, dark_due_ = 0;
  bool few_ = true;  // in the last tick
  std::uint64_t ticks_ = 0;
  std::unordered_map<TargetId, Account> accounts_;
  std::set<TargetId> unseen_, held_;
};

}  // namespace tier
