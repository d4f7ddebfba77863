#include "tools/tier-train/workers.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

namespace tier::sim {
namespace {

class ThreadWorkers final : public Workers {
 public:
  ThreadWorkers(Work work, unsigned threads) : work_(std::move(work)), threads_(std::max(1U, threads)) {}

  bool leads() const override { return true; }
  Result<void> serve() override { return {}; }
  std::string describe() const override { return fmt::format("{} at once", threads_); }

  Result<void> run(std::span<const std::string> jobs, const Done& done) override {
    std::mutex mutex;  // guards finished
    std::condition_variable some;
    std::deque<std::pair<std::size_t, std::string>> finished;
    std::atomic<std::size_t> next{0};
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < std::min<std::size_t>(threads_, jobs.size()); ++t)
      threads.emplace_back([&] {
        for (std::size_t i = next++; i < jobs.size() && !stop; i = next++) {
          std::string result = work_(jobs[i]);
          const std::lock_guard lock(mutex);
          finished.emplace_back(i, std::move(result));
          some.notify_one();
        }
      });
    Result<void> outcome;
    for (std::size_t count = 0; count < jobs.size() && outcome; ++count) {
      std::unique_lock lock(mutex);
      some.wait(lock, [&] { return !finished.empty(); });
      const auto [job, result] = std::move(finished.front());
      finished.pop_front();
      lock.unlock();
      outcome = done(job, result);
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    return outcome;
  }

 private:
  Work work_;
  unsigned threads_;
};

}  // namespace

std::unique_ptr<Workers> make_thread_workers(Work work, unsigned threads) {
  return std::make_unique<ThreadWorkers>(std::move(work), threads);
}

}  // namespace tier::sim
