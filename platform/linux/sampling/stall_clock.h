// The cpu-clock events beside the tick: where they are, how many, and what they cost.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "core/units.h"
#include "platform/linux/sampling/clock_events.h"
#include "platform/linux/sampling/interrupt_price.h"
#include "platform/linux/sampling/optional_clock.h"
#include "platform/linux/sampling/rate_control.h"
#include "platform/linux/sampling/task_clocks.h"

namespace tier {

class StallClock {
 public:
  // `program`: descriptor of the perf_event program, asked for when events are opened. `clock` must outlive
  // this.
  StallClock(std::function<int()> program, const Clock& clock);
  StallClock(const StallClock&) = delete;
  StallClock& operator=(const StallClock&) = delete;

  // Frequency to ask for, Hz, and from now on where: on the threads that samples showed to run since the last
  // call, or on every CPU. Threads become known by their ticks: without those (`ticks` false) only CPUs are
  // left.
  double wanted(const RateInput& input, std::span<const SeenThread> seen, Nanoseconds now, bool ticks);
  // Brings the events to it, once their price is known; see OptionalClock. Under the same frequency threads
  // that were found since get theirs. True when the frequency has changed.
  bool set(double frequency);
  // At once, on every CPU, at whatever price: for a source that has nothing else to sample with.
  Result<void> require(double frequency) { return event_.require(frequency); }

  double frequency() const { return event_.frequency(); }
  // Hz that any program is sure to be interrupted with: not every thread has an event.
  double sure_frequency() const { return on_tasks_ ? 0 : event_.frequency(); }
  std::optional<Nanoseconds> price() const { return event_.price(); }  // of one interrupt; once measured
  double share() const;                                                // of one CPU that the interrupts take
  const ClockInput& last_input() const { return last_input_; }         // of wanted()
  std::string describe() const;  // "clock 250 Hz on 3 threads at 3.1 us each"

 private:
  Result<void> apply(double frequency);

  std::function<int()> program_;
  ClockEvents on_cpus_;
  TaskClocks on_threads_;
  bool on_tasks_ = false;  // where the events are, or will be
  ClockInput last_input_;
  Nanoseconds whole_price_{};  // of an interrupt with its program
  InterruptPrice interrupt_price_;
  OptionalClock event_;
};

}  // namespace tier
