// What the tuner is told of one interval.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/units.h"

namespace tier {

// How a scope's hottest instructions go through memory, or a device's readers through files.
enum class AccessPattern : std::uint8_t { kUnknown, kSequential, kStrided, kRandom };
const char* to_string(AccessPattern);

// Of one scope (a control), in one interval.
struct ScopeFeedback {
  AccessPattern pattern = AccessPattern::kUnknown;
  std::optional<double> slow_share;  // of its stall, waited for tiers below the fastest; 0..1
  std::optional<double> progress;  // work per second, in any unit that is constant; not used by tierd's tuner
  // Share of the node's activity, 0..1; all together at most 1. A scope without any is left as it is.
  double weight = 0;
};

// Of the node as a whole.
struct NodeFeedback {
  Nanoseconds time{};  // monotonic, end of the interval
  // Work per second of all programs together, in any unit that is constant. None: no sound reading, and no
  // decision.
  std::optional<double> progress;
  std::optional<double> fast_use, slow_use;  // of the bandwidth of the fastest tier, and of all others; 0..1
  bool migrating = false;                    // a burst of page moves: what is measured is theirs
  bool may_explore = true;                   // false: another tuner tries something just now
};

struct PrefetchFeedback {
  NodeFeedback node;
  std::vector<ScopeFeedback> scopes;  // in the order of the controls
};

}  // namespace tier
