// What a sample costs: the time of the BPF program, and of the interrupt that runs it.
#pragma once

#include <cstdint>

#include "core/units.h"
#include "platform/linux/file.h"

namespace tier {

// Run time of one BPF program from construction on. Holds the kernel's BPF statistics switched on
// (BPF_ENABLE_STATS, Linux 5.8) while it lives; they go off with the last holder.
class ProgramPrice {
 public:
  explicit ProgramPrice(int program_fd);
  // Program time since construction, divided by `samples`; 0 when unknown.
  Nanoseconds per_sample(std::uint64_t samples) const;
  // The same for a source that goes on running: once enough samples are in, the price is kept and the
  // statistics, which cost every BPF program of the machine a little, are let go.
  Nanoseconds settle(std::uint64_t samples);

 private:
  Nanoseconds run_time() const;
  int program_fd_;
  UniqueFd statistics_;
  Nanoseconds begin_{}, settled_{};
};

// CPU time that one interrupt of a cpu-clock event takes from a busy program, the program excluded from
// nothing: a fixed piece of work with and without the event, in turn (median of the differences). About 0.2
// s. At least 0.
Nanoseconds price_of_clock_interrupt(int program_fd);

}  // namespace tier
