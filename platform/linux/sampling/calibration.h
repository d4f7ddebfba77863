// The calibration loop: a child process whose every instruction is known, sampled like a watched program.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string_view>

#include "core/access_sample.h"
#include "core/result.h"
#include "core/units.h"
#include "platform/linux/sampling/sampling_settings.h"
#include "platform/linux/sampling/stall_evidence.h"

namespace tier {

CalibrationLoop calibration_loop();

// What samples mean before any was seen: by the signature of CPUID's hypervisor leaf (0x40000000), frequency
// in QEMU's emulator, else waiting. The first is pure; the second asks this processor.
WeightMeaning prior_of(std::string_view hypervisor_signature);
WeightMeaning prior_meaning();

// Time between the kernel's ticks on a busy CPU: the resolution of its coarse clock is just that.
Nanoseconds kernel_tick_period();

// Runs the loop in a forked child, which holds the loop's memory, and ends by itself within the CPU time of
// the settings (and half a minute of wall time, on a machine so busy that it hardly runs), and with this
// object or the process at the latest. Nothing here blocks.
class CalibrationChild {
 public:
  // kFailed when the kernel gives no process or no memory.
  static Result<std::unique_ptr<CalibrationChild>> start(const SamplingSettings& settings);
  CalibrationChild(const CalibrationChild&) = delete;
  CalibrationChild& operator=(const CalibrationChild&) = delete;
  ~CalibrationChild();

  Pid pid() const { return pid_; }
  bool running();
  // Whether the address is inside the buffer that the loop reads.
  bool in_buffer(Address address) const;
  // Mean time of one instruction of the loop so far: CPU time of the loop alone, over what it has executed.
  // The loop makes no system call but one in 4,096 turns. 0 before its first turns are done.
  double instruction_seconds() const;

  struct Progress {  // shared with the child
    std::atomic<std::uint64_t> buffer{0}, buffer_bytes{0};
    std::atomic<std::uint64_t> iterations{0}, cpu_ns{0};  // of the loop; cpu_ns is written last
  };

 private:
  explicit CalibrationChild(Progress* progress) : progress_(progress) {}

  Pid pid_{-1};
  Progress* progress_;
};

// CPU time that the fixed piece of work of `work_units` takes in this thread; for pricing interrupts by
// comparison.
Nanoseconds time_fixed_work(std::uint64_t work_units);

// Time of one instruction of the loop in this thread, its load served from the cache: good where nothing
// waits. Takes a few milliseconds.
double cached_instruction_seconds();

}  // namespace tier
