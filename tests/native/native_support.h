// What the native tests share: a clock, and collecting for a while.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "core/clock.h"
#include "platform/api/access_source.h"

namespace tier {

class SteadyClock final : public Clock {
 public:
  Nanoseconds now() const override { return std::chrono::steady_clock::now().time_since_epoch(); }
};

inline SampleBatch gather(AccessSource& source, int tenths_of_second) {
  SampleBatch all;
  for (int turn = 0; turn < tenths_of_second; ++turn) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    const Result<SampleBatch> batch = source.collect();
    EXPECT_TRUE(batch);
    if (!batch) break;
    all.samples.insert(all.samples.end(), batch->samples.begin(), batch->samples.end());
    all.looks.insert(all.looks.end(), batch->looks.begin(), batch->looks.end());
    all.computing.insert(all.computing.end(), batch->computing.begin(), batch->computing.end());
    all.counters += batch->counters;
  }
  return all;
}

inline void expect_balanced(const SampleCounters& counters) {
  EXPECT_EQ(counters.taken, counters.delivered + counters.computing + counters.undecoded + counters.deferred +
                                counters.foreign);
}

}  // namespace tier
