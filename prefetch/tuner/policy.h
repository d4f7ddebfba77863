// Who chooses settings: tierd's tuner, and beside it the rules of others that it is compared with.
#pragma once

#include <string>
#include <vector>

#include "prefetch/tuner/feedback.h"

namespace tier {

class PrefetchPolicy {
 public:
  virtual ~PrefetchPolicy() = default;
  // The feedback of the interval that has just ended, during which the settings were those decided before (at
  // first all 0). The setting of each control for the next interval: 0 is the default, what was found.
  virtual std::vector<std::size_t> decide(const PrefetchFeedback& feedback) = 0;
};

}  // namespace tier
