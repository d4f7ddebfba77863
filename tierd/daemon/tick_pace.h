// How long a tick is: as short as what it shows is worth and its price allows. Pure arithmetic.
//
// A tick tells something new of a region when the region has samples in it. With fewer than a sixth of one
// for each region that is asked for, shorter ticks show chance instead, and swaps follow it; with more, what
// has changed is seen sooner. Closed loops of 2 and 16 GiB at 150 to 1,330 samples a second are all best near
// there (docs/benchmarks.md, tick-length). How many samples a region has is told by the regions that have one
// and those that have two (Good, "The Population Frequencies of Species", Biometrika 40, 1953): of a Poisson
// process of mean m, twice the second over the first. A few regions that have half of all samples change
// nothing in that, nor does memory that nobody asks for. Where most have more than two there are enough.
#pragma once

#include <cstddef>

#include "core/units.h"

namespace tier {

struct PaceSettings {
  Nanoseconds shortest = std::chrono::milliseconds(250);
  // Nor longer than `shortest`, if that is more. Beyond it even a daemon that has nothing to do would be late
  // to notice that there is.
  Nanoseconds longest = std::chrono::seconds(2);
};

class TickPace {
 public:
  // Begins at half a second, if that is not too short or too long: how much a tick shows is not known yet.
  explicit TickPace(PaceSettings settings = {});

  // Of the regions sampled in a tick, how many have one sample, two, and more.
  struct Sampled {
    std::size_t once = 0, twice = 0, more = 0;
  };

  void set_shortest(Nanoseconds shortest);

  // After a tick that took `passed` and `cpu` of one CPU's time. `cpu_limit`: share of a CPU that ticks and
  // samples may take together.
  void tick(Nanoseconds passed, const Sampled& sampled, Nanoseconds cpu, double cpu_limit);
  // Nothing runs: what comes is soon enough seen at the longest tick. After it ticks are as they were.
  void rest();

  Nanoseconds length() const { return length_; }

 private:
  Nanoseconds longest() const;
  double wanted(double cpu_limit) const;  // seconds

  PaceSettings settings_;
  Nanoseconds length_;
  Nanoseconds before_rest_{};
  Nanoseconds since_change_{};
  bool resting_ = false;
  double once_ = 0, twice_ = 0, more_ = 0;  // regions, in ticks of this length, discounted sums
  double cpu_ = 0;                          // seconds a tick, average
};

}  // namespace tier
