// What stall samples mean on this machine, weighed from a prior, a calibration loop and the watched programs
// themselves. Pure.
//
// Three hypotheses: samples follow waiting and the saved pointer is *behind* the access (every processor seen
// so far), or *at* it; or samples follow the *frequency* of instructions (an emulator, where nothing waits).
// Natural logarithms of their likelihoods are summed; a verdict is settled when the odds reach 1000 to 1, ln
// 1000 = 6.9.
//  - Prior: 99 to 1 (4.6) for frequency where CPUID names QEMU's emulator, else for waiting; 9
//    to 1 (2.2) for behind.
//  - Calibration loop of 23 instructions with one load. Frequency: each instruction is hit with
//    1/23. Waiting: the instruction in question with 1/2, each other one with 1/44. 0.95 was
//    measured, but a cache that holds the buffer shortens the wait; with 1/2 the two are level
//    where the load draws 4.8 times its share. A sample at the place weighs ln(23/2) = 2.4 for
//    waiting, one elsewhere ln(44/23) = 0.65 against it: two samples at the place settle it
//    with the prior, three overrule the contrary prior, and four elsewhere settle frequency in
//    an emulator.
//  - Watched programs: any stream of instructions steps out of reading (a load, then no load)
//    as often as into it, so samples that follow frequency show both alike (1/2), whatever the
//    program. Where samples follow waiting one kind prevails (3/4): out of reading if the
//    pointer is behind, else into it. A program that lives in the caches shows both alike on
//    any processor, so live samples never turn waiting into frequency. One kind prevailing
//    speaks for waiting by no more than 3.0, since jumps blur which instruction was executed
//    last. Which kind prevails speaks for the place, by no more than 12.
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>

#include "core/access_sample.h"
#include "core/units.h"
#include "platform/linux/sampling/x86_transition.h"

namespace tier {

// The calibration loop's code: one load among `instructions` instructions in [begin, end).
struct CalibrationLoop {
  Address begin = 0, load = 0, after = 0, end = 0;
  unsigned instructions = 0;
};

// Counts of steps out of and into reading over the latest samples (4,096 at most, the older half dropped at a
// time). Samples of one instruction pointer are not independent, so that each pointer counts for 16 samples
// at most.
class LiveTransitions {
 public:
  void add(Address ip, X86Transition transition);
  std::uint64_t out_of_reading() const { return of(&Epoch::out); }
  std::uint64_t into_reading() const { return of(&Epoch::into); }
  // ln of the likelihood that steps out of reading (into it) prevail, over that of both being alike; at least
  // 0.
  double log_odds_behind() const { return log_odds(out_of_reading(), into_reading()); }
  double log_odds_at() const { return log_odds(into_reading(), out_of_reading()); }

 private:
  struct Epoch {
    std::uint64_t out = 0, into = 0;
    std::set<Address> places;  // at most kMostPlaces
  };
  std::uint64_t of(std::uint64_t Epoch::*count) const { return now_.*count + before_.*count; }
  double log_odds(std::uint64_t many, std::uint64_t few) const;

  Epoch now_, before_;
};

class StallEvidence {
 public:
  StallEvidence(CalibrationLoop loop, WeightMeaning prior) : loop_(loop), prior_(prior) {}

  // A sample of the calibration loop (those outside of it count for nothing). `right`: it decoded to an
  // address inside the loop's buffer.
  void add_calibration(Address ip, bool right);
  // A sample of a watched program.
  void add_live(Address ip, X86Transition transition) { live_.add(ip, transition); }

  WeightMeaning meaning() const;
  bool ip_is_behind() const;
  // Interrupts come at the first instruction of the loop: an emulator that takes them only between blocks of
  // translated code (QEMU without -icount). True for at least four samples, most of them there: with samples
  // at every instruction alike that has a chance of 3 in 10,000.
  bool at_block_starts() const;
  // The evidence would hardly turn any more: the meaning, and the place where it matters.
  bool settled() const;

  unsigned calibration_samples() const { return samples_; }
  double concentration() const;  // share of samples at the load, over the load's share of instructions
  double right_share() const;    // of the samples at the load
  std::string describe() const;  // one sentence for the operator

 private:
  struct Scores {
    double behind = 0, at = 0, frequency = 0;
  };
  Scores scores() const;

  CalibrationLoop loop_;
  WeightMeaning prior_;
  unsigned samples_ = 0, at_begin_ = 0, at_load_ = 0, behind_load_ = 0, right_at_ = 0, right_behind_ = 0;
  LiveTransitions live_;
};

}  // namespace tier
