// Looks after the lease of a KnobGuard from a thread of its own, so that a loop that hangs cannot keep what
// it has set.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "core/clock.h"
#include "prefetch/guard/knob_guard.h"

namespace tier {

// Owns the guard: everybody else uses it through with(). A write that hangs in the kernel holds the lock;
// there is nothing but the kernel that could help it.
class LeaseWatch {
 public:
  // Looks every `period` of real time; the lease itself runs by `clock`, thread-safe, which must outlive it.
  LeaseWatch(std::unique_ptr<KnobGuard> guard, const Clock& clock, Nanoseconds period);
  ~LeaseWatch();
  LeaseWatch(const LeaseWatch&) = delete;
  LeaseWatch& operator=(const LeaseWatch&) = delete;

  template <typename Use>
  auto with(Use use) {
    const std::scoped_lock lock(mutex_);
    return use(*guard_);
  }

 private:
  void watch();

  std::unique_ptr<KnobGuard> guard_;
  const Clock& clock_;
  Nanoseconds period_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace tier
