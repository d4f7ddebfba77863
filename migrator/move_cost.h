// What moving memory costs, learnt from the moves themselves.
#pragma once

#include <cstdint>

#include "core/units.h"

namespace tier {

// Time to move b bytes in one go: fixed + b · seconds_per_byte.
struct MoveCost {
  // Before the first move: 500 µs per call (the kernel drains every CPU's page lists) and a copy at 4 GB/s.
  Nanoseconds fixed = std::chrono::microseconds(500);
  double seconds_per_byte = 0.25e-9;
  std::uint64_t measured = 0;  // moves behind the estimate; 0: the figures above

  StallSeconds of(Bytes bytes) const {
    return {seconds(fixed) + static_cast<double>(bytes.value) * seconds_per_byte};
  }
};

// Exponentially forgetting least squares over (bytes, seconds) of each move. Not thread-safe.
class MoveCostMeter {
 public:
  void add(Bytes moved, Nanoseconds took);

  // Where all moves had nearly one size, slope and intercept cannot be told apart: all cost is then per byte.
  MoveCost estimate() const;

 private:
  double weight_ = 0, bytes_ = 0, seconds_ = 0, bytes_squared_ = 0, bytes_seconds_ = 0;
  std::uint64_t measured_ = 0;
};

}  // namespace tier
