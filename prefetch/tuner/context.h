// In which situation a control is: settings are judged for each situation by itself.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "prefetch/tuner/feedback.h"

namespace tier {

struct TuningContext {
  std::size_t kind = 0;  // controls with the same settings
  AccessPattern pattern = AccessPattern::kUnknown;
  bool slow = false;  // it waits for tiers below the fastest most of all
  bool busy = false;  // and the bandwidth of the tier that it waits for is nearly used up
  auto operator<=>(const TuningContext&) const = default;
};
std::string to_string(const TuningContext& context);

// Whether a tier is near its bandwidth, as it would be on the default settings: what is seen under others is
// their doing, and a context that our own settings change would have us go round in circles.
class BusyTier {
 public:
  void see(std::optional<double> use, bool all_default);
  bool busy() const { return busy_; }

 private:
  bool busy_ = false;
};

// The contexts of all controls; one changes when it was another for `sustain` intervals one after the other.
class ContextTracker {
 public:
  // `kinds`: of each control.
  ContextTracker(const std::vector<std::size_t>& kinds, unsigned sustain);
  // The share of the activity whose context has changed.
  double see(const PrefetchFeedback& feedback, bool all_default);
  const TuningContext& of(std::size_t control) const { return scopes_[control].now; }

 private:
  struct Scope {
    TuningContext now, next;
    unsigned seen = 0;  // intervals in a row that it looked like `next`
    bool known = false;
  };
  std::vector<Scope> scopes_;
  unsigned sustain_;
  BusyTier fast_, slow_;
};

}  // namespace tier
