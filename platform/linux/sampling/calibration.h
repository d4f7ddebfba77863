// What a timer interrupt shows on this machine, learnt from a loop whose every instruction is known.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "core/access_sample.h"
#include "core/result.h"
#include "core/units.h"
#include "platform/linux/sampling/sampling_settings.h"

namespace tier {

// The calibration loop's code: one load among `instructions` instructions in [begin, end).
struct CalibrationLoop {
  Address begin = 0, load = 0, after = 0, end = 0;
  unsigned instructions = 0;
};
CalibrationLoop calibration_loop();

// What the child did.
struct CalibrationRun {
  Nanoseconds cpu_time{};
  std::uint64_t iterations = 0;
  Address buffer = 0;  // start of what it read
  Bytes buffer_size;
};

struct CalibrationSample {
  Address ip = 0;
  bool right = false;  // the decoder found an address inside the buffer
};

struct StallCalibration {
  unsigned samples = 0;      // that fell into the loop
  bool ip_is_behind = true;  // the saved pointer is that of the instruction after the one waited for
  double concentration = 0;  // share of samples at the load, over the load's share of instructions
  double right_share = 0;  // of the loop's samples that were attributed to the load, decoded into the buffer
  Nanoseconds tick_period{};       // between ticks of a busy CPU
  double instruction_seconds = 0;  // mean, in the loop
  Nanoseconds price{};             // CPU time of the BPF program per sample
  Nanoseconds clock_price{};       // CPU time of one extra interrupt of a cpu-clock event, program included
  WeightMeaning meaning = WeightMeaning::kStall;

  std::string describe() const;  // one sentence for the operator
};

// Pure: from samples to verdict. `interrupts`: timer interrupts that hit the child, in user code or not.
// kFailed when fewer than 20 samples arrived.
Result<StallCalibration> analyse_calibration(const CalibrationLoop& loop, const CalibrationRun& run,
                                             std::span<const CalibrationSample> samples,
                                             std::uint64_t interrupts, double stall_concentration);

// Time between the kernel's ticks on a busy CPU: the resolution of its coarse clock is just that.
Nanoseconds kernel_tick_period();

// Runs the loop in a forked child. `watch` is called with the child's pid before it starts its loop, `drain`
// every few hundredths of a second while it runs. The child ends by itself within the CPU time of the
// settings (and five seconds of wall time, on a machine so busy that it hardly runs).
Result<CalibrationRun> run_calibration_child(const SamplingSettings& settings,
                                             const std::function<Result<void>(Pid)>& watch,
                                             const std::function<void()>& drain);

// CPU time that the fixed piece of work of `work_units` takes in this thread; for pricing interrupts by
// comparison.
Nanoseconds time_fixed_work(std::uint64_t work_units);

}  // namespace tier
