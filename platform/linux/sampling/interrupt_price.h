// What an extra interrupt costs. What the BPF program in it takes, it counts itself
// (tier_counters::program_ns).
#pragma once

#include <optional>
#include <vector>

#include "core/result.h"
#include "core/units.h"

namespace tier {

// CPU time that one interrupt of a cpu-clock event takes from a busy program: a fixed piece of work with and
// without the event on the thread that does it, nine times in turn, and the median of the differences.
class InterruptPrice {
 public:
  // Does the work once with and once without the event: 20 ms of CPU time. Nothing until all turns are done;
  // then the price, at least 0. Fails when the event is refused. `program_fd`: the perf_event program on it.
  Result<std::optional<Nanoseconds>> step(int program_fd);

 private:
  std::uint64_t work_units_ = 0;
  std::vector<double> prices_;  // ns
};

}  // namespace tier
