// Who runs the migrator's steps: a thread of its own, or a test by hand.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "core/units.h"

namespace tier {

class StepExecutor {
 public:
  // One step makes a bounded number of system calls. Returns when it wants to run again: zero = at once, a
  // duration = not before it has passed, none = when wake() is called.
  using Step = std::function<std::optional<Nanoseconds>()>;

  virtual ~StepExecutor() = default;
  virtual void start(Step step) = 0;
  virtual void wake() = 0;  // thread-safe
  virtual void stop() = 0;  // returns when no step runs; none runs afterwards; idempotent
};

// Runs steps on one thread.
class ThreadExecutor final : public StepExecutor {
 public:
  // `prepare` runs first on the new thread: its name, its scheduling class.
  explicit ThreadExecutor(std::function<void()> prepare = {});
  ~ThreadExecutor() override;
  void start(Step step) override;
  void wake() override;
  void stop() override;

 private:
  void run();

  std::function<void()> prepare_;
  Step step_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;     // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

// Runs a step when told to, on the caller's thread.
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
