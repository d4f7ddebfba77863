// Who runs the migrator's steps: threads of its own, or a test by hand.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "core/units.h"

namespace tier {

class StepExecutor {
 public:
  // One step makes a bounded number of system calls, and several may run at once. Returns when it wants to
  // run again: zero = at once, a duration = not before it has passed, none = when wake() is called.
  using Step = std::function<std::optional<Nanoseconds>()>;

  virtual ~StepExecutor() = default;
  virtual void start(Step step) = 0;
  virtual void wake() = 0;  // thread-safe; ends all waits
  virtual void stop() = 0;  // returns when no step runs; none runs afterwards; idempotent
};

// Runs steps on threads, as many at once.
class ThreadExecutor final : public StepExecutor {
 public:
  // `prepare` runs first on each new thread: its name, its scheduling class.
  explicit ThreadExecutor(std::function<void()> prepare = {}, int threads = 1);
  ~ThreadExecutor() override;
  void start(Step step) override;
  void wake() override;
  void stop() override;

 private:
  void run();

  const std::function<void()> prepare_;
  const int count_;
  Step step_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t calls_ = 0;  // of wake(); guarded by mutex_
  bool stopping_ = false;    // guarded by mutex_
  std::vector<std::thread> threads_;
};

// Runs a step when told to, on the caller's thread: one at a time.
class ManualExecutor final : public StepExecutor {
 public:
  void start(Step step) override { step_ = std::move(step); }
  void wake() override {}
  void stop() override { step_ = nullptr; }

  // What the step returned; none also when stopped.
  std::optional<Nanoseconds> run_once() { return step_ ? step_() : std::nullopt; }

 private:
  Step step_;
};

}  // namespace tier
