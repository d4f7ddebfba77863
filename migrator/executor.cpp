#include "migrator/executor.h"

#include <utility>

namespace tier {

ThreadExecutor::ThreadExecutor(std::function<void()> prepare) : prepare_(std::move(prepare)) {}

ThreadExecutor::~ThreadExecutor() { stop(); }

void ThreadExecutor::start(Step step) {
  step_ = std::move(step);
  thread_ = std::thread([this] { run(); });
}

void ThreadExecutor::wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_one();
}

void ThreadExecutor::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void ThreadExecutor::run() {
  if (prepare_) prepare_();
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_ = false;
    lock.unlock();
    const std::optional<Nanoseconds> pause = step_();
    lock.lock();
    const auto called = [this] { return woken_ || stopping_; };
    if (!pause) {
      changed_.wait(lock, called);
    } else if (pause->count() > 0) {
      changed_.wait_for(lock, *pause, called);
    }
  }
}

}  // namespace tier
