// From records of threads, as bpf/processes.bpf.c writes them, to processes. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "bpf/processes.h"
#include "core/units.h"
#include "platform/api/seen_process.h"

namespace tier {

class LookRecords {
 public:
  explicit LookRecords(Bytes page_size) : page_size_(page_size) {}

  // Takes whole records off the front and returns how many bytes these were; what is left is the beginning of
  // one. -1: they are none of ours (another version).
  std::ptrdiff_t add(std::span<const std::byte> bytes);

  // Processes that were described, in the order of their numbers.
  std::vector<SeenProcess> take();

 private:
  struct Times {
    std::uint64_t user = 0, system = 0, run = 0;
  };
  struct Process {
    std::uint32_t pid = 0;
    SeenProcess seen;
    bool described = false;
    Times ended, living;  // of threads
  };
  void describe(const tier_process_record& record, Process& process) const;
  static void merge(Process& into, Process& from);

  Bytes page_size_;
  std::vector<Process> processes_;  // parts of one may stand apart: threads have numbers of their own
};

// What of `run` was spent in user mode, given what ticks found: the kernel's cputime_adjust()
// (kernel/sched/cputime.c), which /proc/PID/stat is made from.
std::uint64_t user_part(std::uint64_t user_ticks, std::uint64_t system_ticks, std::uint64_t run);

}  // namespace tier
