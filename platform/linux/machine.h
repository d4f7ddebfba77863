// The clock, memory pressure, our own use, and other movers of pages.
#pragma once

#include <string>

#include "core/clock.h"
#include "platform/api/machine.h"

namespace tier {

// CLOCK_MONOTONIC, which BPF's bpf_ktime_get_ns reads too.
class MonotonicClock final : public Clock {
 public:
  Nanoseconds now() const override;
};

// /proc/pressure/memory and cpu; nothing where the kernel has no PSI.
class LinuxPressureReader final : public PressureReader {
 public:
  explicit LinuxPressureReader(std::string root = "/");
  MemoryPressure memory_avg10() const override;
  std::optional<double> cpu_some_avg10() const override;

 private:
  std::string root_;
};

// getrusage(2) and /proc/self/statm.
class LinuxSelfMeter final : public SelfMeter {
 public:
  SelfUsage usage() const override;
  Nanoseconds thread_cpu() const override;
};

// NUMA balancing, kernel demotion, DAMON schemes, numad, memtierd. Reads only.
class LinuxRivalFinder final : public RivalFinder {
 public:
  explicit LinuxRivalFinder(std::string root = "/");
  std::vector<Rival> find() const override;

 private:
  std::string root_;
};

// For a thread that does bulk work: names it and makes it a batch thread (SCHED_BATCH), which keeps its share
// of the CPU but does not preempt the programs it serves. Failure is harmless and ignored.
void become_background_thread(const char* name);

// Gives freed memory back to the kernel, which the C library keeps for later, in the fast tier
// (malloc_trim(3)): some 10 MiB after the kernel's type information was read.
void give_back_freed_memory();

}  // namespace tier
