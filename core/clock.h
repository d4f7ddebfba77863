// Time comes from here, so that tests move it by hand and never sleep.
#pragma once

#include "core/units.h"

namespace tier {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Nanoseconds now() const = 0;  // monotonic, since an arbitrary epoch
};

// A clock that stands still until told.
class ManualClock final : public Clock {
 public:
  Nanoseconds now() const override { return now_; }
  void advance(Nanoseconds by) { now_ += by; }

 private:
  Nanoseconds now_{};
};

}  // namespace tier
