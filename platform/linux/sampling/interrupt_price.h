// What an extra interrupt costs. What the BPF program in it takes, it counts itself
// (tier_counters::program_ns).
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "core/result.h"
#include "core/units.h"
#include "platform/linux/file.h"

namespace tier {

// CPU time that one interrupt of a cpu-clock event takes from a busy program: a fixed piece of work with and
// without the event on the thread that does it, nine times in turn, and the median of the differences.
class InterruptPrice {
 public:
  // Opens the event that is priced, running, with `frequency` Hz in the time of the calling thread.
  using OpenEvent = std::function<Result<FileDescriptor>(double frequency)>;

  // Does the work once with and once without the event: 20 ms of CPU time. Nothing until all turns are done;
  // then the price, at least 0. Fails when the event is refused.
  Result<std::optional<Nanoseconds>> step(const OpenEvent& open);

 private:
  std::uint64_t work_units_ = 0;
  std::vector<double> prices_;  // ns
};

}  // namespace tier
