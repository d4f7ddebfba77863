// The readers with prefetch control attached to their device, against every fixed setting.
#pragma once

#include <string>
#include <vector>

#include "tools/readahead-bench/readers.h"

namespace tier {

struct TunedOptions {
  std::vector<std::uint64_t> settings;  // KiB, the fixed ones
  std::vector<ReadPattern> patterns;    // in turn, again and again
  double phase_s = 5;
  unsigned turns = 6;   // of all patterns
  unsigned rounds = 2;  // of everything, one kind of run after the other: what the machine does is shared
  double interval_s = 0.1;
  bool json = false;
};

// Runs the plan under each fixed setting and under prefetch control, which knows nothing when a round begins,
// and prints what the readers got, pattern by pattern, against the kernel's default and the best fixed
// setting of each pattern. kUnsupported: file demand cannot be metered here.
Result<void> compare_tuned(const RigDevice& device, const TunedOptions& options, const Clock& clock);

}  // namespace tier
