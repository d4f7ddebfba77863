#include "platform/linux/sampling/settled_rate.h"

namespace tier {
namespace {

constexpr int kHalvings = 40;  // of a frequency: far finer than any timer

// The highest frequency that the control still grants when it sees what samples at that frequency cost.
// Samples cost more where they are more frequent, so there is one such frequency, found by halving.
double settled_frequency(RateInput in, Nanoseconds sample, const ClockReach& reach) {
  const double from_ticks = in.busy_cpus * in.ticks_per_cpu;
  const auto granted = [&](double frequency) {
    in.spent = (from_ticks + frequency * reach.useful) * seconds(sample);
    return clock_frequency(in, reach);
  };
  double low = 0, high = granted(0);
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = (low + high) / 2;
    (granted(middle) >= middle ? low : high) = middle;
  }
  return low < kLowestFrequency ? 0 : low;
}

}  // namespace

SettledRate settled_rate(RateInput in, Nanoseconds sample, const ClockReach& tasks, const ClockReach& cpus) {
  const double from_ticks = in.busy_cpus * in.ticks_per_cpu;
  in.spent = from_ticks * seconds(sample);
  SettledRate settled;
  settled.stride = tick_stride(in.spent, in.cpu_budget, settled.stride);
  // Where ticks are left out to keep the budget, none of it is left for a clock.
  if (settled.stride == 1) {
    settled.clock = choose_clock(in, tasks, cpus, false);
    const ClockReach& reach = settled.clock.on_tasks ? tasks : cpus;
    settled.clock.frequency = settled_frequency(in, sample, reach);
    settled.usable = settled.clock.frequency * reach.useful * in.usable_share;
  }
  settled.usable += from_ticks / settled.stride * in.usable_share;
  return settled;
}

}  // namespace tier
