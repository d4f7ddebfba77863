// What a policy sees of the model: late by one interval, noisy, now and then missing or wrong.
#pragma once

#include <cstdint>
#include <random>

#include "sim/prefetch/model.h"

namespace tier::sim {

// The noise is the same for every policy: it depends on the seed and the interval alone.
class PrefetchMeters {
 public:
  PrefetchMeters(std::uint64_t seed, std::size_t scopes);
  // The feedback of the next interval, of one second, in which `state` held.
  PrefetchFeedback read(const PrefetchState& state);

 private:
  double noisy(double value, double deviation);
  bool missing();
  ScopeFeedback read(const PrefetchScopeState& state);

  std::mt19937_64 random_;
  std::size_t scopes_;
  std::int64_t interval_ = 0;
  int burst_left_ = 0, elsewhere_left_ = 0;  // intervals
  double slowed_ = 1;                        // by the burst
};

}  // namespace tier::sim
