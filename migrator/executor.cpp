#include "migrator/executor.h"

#include <algorithm>
#include <utility>

namespace tier {

ThreadExecutor::ThreadExecutor(std::function<void()> prepare, int threads)
    : prepare_(std::move(prepare)), count_(std::max(1, threads)) {}

ThreadExecutor::~ThreadExecutor() { stop(); }

void ThreadExecutor::start(Step step) {
  step_ = std::move(step);
  for (int i = 0; i < count_; ++i) threads_.emplace_back([this] { run(); });
}

void ThreadExecutor::wake() {
  {
    std::lock_guard lock(mutex_);
    ++calls_;
  }
  changed_.notify_all();
}

void ThreadExecutor::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void ThreadExecutor::run() {
  if (prepare_) prepare_();
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const std::uint64_t heard = calls_;
    lock.unlock();
    const std::optional<Nanoseconds> pause = step_();
    lock.lock();
    const auto called = [&] { return calls_ != heard || stopping_; };
    if (!pause) {
      changed_.wait(lock, called);
    } else if (pause->count() > 0) {
      changed_.wait_for(lock, *pause, called);
    }
  }
}

}  // namespace tier
