// How often to sample: what the tick does not give, as far as the budget reaches. Pure.
#pragma once

#include "core/units.h"

namespace tier {

struct RateInput {
  double busy_cpus = 0;      // CPU time that targets use in user code, a second
  double ticks_per_cpu = 0;  // of the kernel's own tick that are samples, per second of a busy CPU
  double usable_share = 1;   // of the samples, that decode to an address, 0..1
  double target_samples_per_second = 0;  // usable ones
  double cpu_budget = 0;                 // share of one CPU
  double spent = 0;     // share of one CPU that the tick samples and the decoding cost already
  double stake = 0;     // seconds of stall a second that better placement could still save
  Nanoseconds price{};  // of one extra interrupt
};

// What a clock's events reach, in CPU time a second.
struct ClockReach {
  double useful = 0;  // of targets, under the events
  double paid = 0;    // in which events interrupt: that of all CPUs, or of the threads that have one
  double spent = 0;   // share of one CPU that they cost at any frequency
};

// What the frequency of a clock is chosen by, beside the CPUs that are online.
struct ClockInput {
  RateInput rate;
  ClockReach tasks;  // of events on the threads that are known
};

// Where the events of a clock are, and how often they come.
struct ClockChoice {
  bool on_tasks = false;  // else on every CPU
  double frequency = 0;   // Hz; 0: there are none
};

// An extra clock may cost this share of the stall that better placement could still save. In simulation
// (docs/benchmarks.md, policy-caution) 2,000 samples a second place 2 % of what is to be won better than 250
// do, by the mean of all cases.
inline constexpr double kStakeShare = 0.02;
// No program pays more than this share of its own time for being sampled.
inline constexpr double kOwnShare = 0.01;
inline constexpr double kLowestFrequency = 10;  // Hz; below it an extra event adds next to nothing

// Of events that cost `price` an interrupt, at which a program pays kOwnShare; Hz.
double highest_frequency(Nanoseconds price);

// Frequency of an extra clock event, Hz; 0 = none. Never asks for more than the budget pays, the stake is
// worth or a program bears, and for nothing when the targets do not run (then no frequency would help).
double clock_frequency(const RateInput& input, const ClockReach& reach);

// Whether events on single threads give more samples than events on every CPU; where they run already
// (`now_on_tasks`), unless they give far fewer. Events on CPUs interrupt also those that run something else,
// events on threads do not come to those that change places often.
bool better_on_tasks(const RateInput& input, const ClockReach& tasks, const ClockReach& cpus,
                     bool now_on_tasks);

// Where the events shall be, by better_on_tasks(), and the frequency there, by clock_frequency().
ClockChoice choose_clock(const RateInput& input, const ClockReach& tasks, const ClockReach& cpus,
                         bool now_on_tasks);

// Every how many ticks of a CPU is a sample, 1 or more, so that the tick's own samples stay in the budget
// too: 64 busy CPUs at 250 Hz are 16,000 samples a second, a third of a CPU. `unthinned`: what a sample at
// every tick would cost, decoding included, as a share of one CPU. Stays at `current` while that is near
// enough.
unsigned tick_stride(double unthinned, double cpu_budget, unsigned current);

// Whether to change from `current` to `wanted`: changing costs system calls per CPU, so small steps are left
// out.
bool worth_changing(double current, double wanted);

}  // namespace tier
