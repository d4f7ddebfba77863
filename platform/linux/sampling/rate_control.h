// How often to sample: what the tick does not give, as far as the budget reaches. Pure.
#pragma once

#include "core/units.h"

namespace tier {

struct RateInput {
  double samples_per_second = 0;         // achieved on targets, over the last interval
  double interrupts_per_cpu = 0;         // sampling interrupts per second of a busy CPU now (tick + clock)
  double ticks_per_cpu = 0;              // of the kernel's own tick, per second of a busy CPU
  double usable_share = 1;               // of the samples, that decode to an address, 0..1
  double target_samples_per_second = 0;  // usable ones
  double cpu_budget = 0;                 // share of one CPU
  double spent = 0;     // share of one CPU that the tick samples and the decoding cost already
  Nanoseconds price{};  // of one extra interrupt
  unsigned cpus = 1;    // each gets the event
};

// Frequency of an extra clock event on each CPU, Hz; 0 = none. Never asks for more than the budget pays, and
// for nothing when the targets do not run (then no frequency would help).
double clock_frequency(const RateInput& input);

// Every how many ticks of a CPU is a sample, 1 or more, so that the tick's own samples stay in the budget
// too: 64 busy CPUs at 250 Hz are 16,000 samples a second, a third of a CPU. `unthinned`: what a sample at
// every tick would cost, decoding included, as a share of one CPU. Stays at `current` while that is near
// enough.
unsigned tick_stride(double unthinned, double cpu_budget, unsigned current);

// Whether to change from `current` to `wanted`: changing costs system calls per CPU, so small steps are left
// out.
bool worth_changing(double current, double wanted);

}  // namespace tier
