// Time comes from here, so that tests move it by hand and never sleep.
#pragma once

#include <atomic>

#include "core/units.h"

namespace tier {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Nanoseconds now() const = 0;  // monotonic, since an arbitrary epoch
};

// A clock that stands still until told. Thread-safe.
class ManualClock final : public Clock {
 public:
  Nanoseconds now() const override { return Nanoseconds{now_.load()}; }
  void advance(Nanoseconds by) { now_ += by.count(); }

 private:
  std::atomic<Nanoseconds::rep> now_{0};
};

}  // namespace tier
