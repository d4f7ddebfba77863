#include "migrator/move_cost.h"

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

// Weight of a move after one more: half is forgotten after 14 moves, so a saturating tier shows within a
// tick.
constexpr double kKept = 0.95;

// Below this squared coefficient of variation of the sizes the slope is noise.
constexpr double kLeastSpread = 0.01;

}  // namespace

void MoveCostMeter::add(Bytes moved, Nanoseconds took) {
  if (moved.value == 0) return;
  const double b = static_cast<double>(moved.value), s = std::max(0.0, seconds(took));
  weight_ = weight_ * kKept + 1;
  bytes_ = bytes_ * kKept + b;
  seconds_ = seconds_ * kKept + s;
  bytes_squared_ = bytes_squared_ * kKept + b * b;
  bytes_seconds_ = bytes_seconds_ * kKept + b * s;
  ++measured_;
}

MoveCost MoveCostMeter::estimate() const {
  MoveCost cost;
  if (measured_ == 0) return cost;
  const double mean_bytes = bytes_ / weight_, mean_seconds = seconds_ / weight_;
  const double variance = bytes_squared_ / weight_ - mean_bytes * mean_bytes;
  double slope = mean_seconds / mean_bytes;
  if (variance > kLeastSpread * mean_bytes * mean_bytes) {
    const double covariance = bytes_seconds_ / weight_ - mean_bytes * mean_seconds;
    // Neither part of the cost can be negative, whatever noise says.
    slope = std::clamp(covariance / variance, 0.0, slope);
  }
  cost.seconds_per_byte = slope;
  cost.fixed = Nanoseconds{std::llround(std::max(0.0, mean_seconds - slope * mean_bytes) * 1e9)};
  cost.measured = measured_;
  return cost;
}

}  // namespace tier
