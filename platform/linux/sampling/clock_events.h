// A perf cpu-clock event on every CPU with a BPF program on it.
#pragma once

#include <vector>

#include "core/result.h"
#include "core/units.h"
#include "platform/linux/file.h"

namespace tier {

class ClockEvents {
 public:
  // Replaces the events by ones of this frequency (Hz per CPU); 0 closes them. `program_fd`: a perf_event
  // program.
  Result<void> set_frequency(int program_fd, double frequency);
  double frequency() const { return frequency_; }
  unsigned cpus() const { return static_cast<unsigned>(events_.size()); }

 private:
  std::vector<FileDescriptor> events_;
  double frequency_ = 0;
};

// CPUs that are online now.
std::vector<int> online_cpus();

// perf_event_open(2) with the errno in the Result, and the true reason of a refusal. `cpu` -1: any; `pid` -1:
// all.
Result<FileDescriptor> open_perf_event(void* perf_event_attributes, int pid, int cpu, int group_fd = -1);

// A cpu-clock event of `frequency` Hz with the BPF program on it, running: on a CPU (`pid` -1), or in the
// time of the thread `pid` (`cpu` -1; 0: of the caller).
Result<FileDescriptor> open_clock_event(int program_fd, double frequency, int pid, int cpu);

// Lets a BPF program run on each overflow and switches the event on.
Result<void> attach_program(const FileDescriptor& event, int program_fd);

}  // namespace tier
