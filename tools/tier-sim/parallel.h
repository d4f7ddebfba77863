// The same work for every index, on several threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace tier::sim {

// work(i) for i from 0 to count - 1, in no order, on `jobs` threads of which the caller's is one; returns
// when all is done. `progress(done, of)`, may be empty, is called after each, from one thread at a time.
template <typename Work>
void in_parallel(std::size_t count, unsigned jobs, const Work& work,
                 const std::function<void(std::size_t, std::size_t)>& progress) {
  std::atomic<std::size_t> next{0};
  std::size_t done = 0;
  std::mutex mutex;  // guards done and the progress callback
  const auto loop = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      work(i);
      const std::lock_guard lock(mutex);
      ++done;
      if (progress) progress(done, count);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned j = 1; j < jobs; ++j) threads.emplace_back(loop);
  loop();
  for (std::thread& thread : threads) thread.join();
}

}  // namespace tier::sim
