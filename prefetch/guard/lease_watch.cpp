#include "prefetch/guard/lease_watch.h"

namespace tier {

LeaseWatch::LeaseWatch(std::unique_ptr<KnobGuard> guard, const Clock& clock, Nanoseconds period)
    : guard_(std::move(guard)), clock_(clock), period_(period), thread_([this] { watch(); }) {}

LeaseWatch::~LeaseWatch() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

// What could not be put back is tried again with the next look; whoever uses the guard sees expired().
void LeaseWatch::watch() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, period_, [this] { return stop_; })) (void)guard_->expire(clock_.now());
}

}  // namespace tier
