// clock_gettime(2) in our unit.
#pragma once

#include <ctime>

#include "core/clock.h"

namespace tier {

// The time of a clock that every kernel has: CLOCK_MONOTONIC, which BPF's bpf_ktime_get_ns reads too,
// CLOCK_BOOTTIME, and CLOCK_THREAD_CPUTIME_ID or CLOCK_PROCESS_CPUTIME_ID of the caller. Such a clock cannot
// fail.
inline Nanoseconds clock_time(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::chrono::seconds(now.tv_sec) + Nanoseconds(now.tv_nsec);
}

}  // namespace tier
