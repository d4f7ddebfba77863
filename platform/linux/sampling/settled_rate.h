// What the control of the sampling rate settles at, on a machine that need not be this one. Pure.
#pragma once

#include "platform/linux/sampling/rate_control.h"

namespace tier {

struct SettledRate {
  ClockChoice clock;
  unsigned stride = 1;  // every how many ticks of a CPU is a sample
  double usable = 0;    // samples a second that decode to an address
};

// The rate at which the control stays, all of `input` but `spent` taken as it is: `spent` follows from the
// rate, each sample costing `sample` in the BPF program and in decoding. Where the clock's events are is
// decided as at the start, when only the tick samples. `tasks` of no reach: events are possible on CPUs only.
// Not in it: the size of the sample buffers, and that a thread that changes places often has a lower
// frequency of its own (TaskClocks).
SettledRate settled_rate(RateInput input, Nanoseconds sample, const ClockReach& tasks,
                         const ClockReach& cpus);

}  // namespace tier
