#include "prefetch/tuner/arms.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace tier {
namespace {

// A setting so much worse than the default, in logarithm, is worse beyond doubt; with it, by the shape of
// what prefetching does, those that lie further off the same way.
constexpr double kClearlyWorse = -0.01;

// First the nearest of the direction, then on as long as what was passed was tried and is not clearly worse.
std::optional<std::size_t> walk(const Arms& arms, const std::vector<std::size_t>& order, std::ptrdiff_t step,
                                std::uint64_t interval, double promise) {
  const auto begin = std::find(order.begin(), order.end(), arms.incumbent);
  for (std::ptrdiff_t i = begin - order.begin() + step;
       i >= 0 && i < static_cast<std::ptrdiff_t>(order.size()); i += step) {
    const std::size_t setting = order[static_cast<std::size_t>(i)];
    const Arm& arm = arms.arms[setting];
    if (setting == 0) continue;  // the default has its own slices of time
    if (!arm.tried()) return arm.due <= interval ? std::optional(setting) : std::nullopt;
    const double base = arms.arms[arms.incumbent].gain;
    if (arm.due <= interval && arm.gain + 2 * arm.deviation() > base + promise) return setting;
    if (arm.gain + arm.deviation() < base + kClearlyWorse) return {};
  }
  return {};
}

}  // namespace

double Arm::deviation() const {
  return precision > 0 ? 1 / std::sqrt(precision) : std::numeric_limits<double>::infinity();
}

void Arm::observe(double seen, double variance) {
  const double added = 1 / variance;
  gain = (gain * precision + seen * added) / (precision + added);
  precision += added;
}

void Arms::fade(double discount) {
  for (Arm& arm : arms) arm.precision *= discount;
}

std::optional<std::size_t> next_candidate(const Arms& arms, const std::vector<std::size_t>& order, bool down,
                                          std::uint64_t interval, double promise) {
  const std::ptrdiff_t first = down ? -1 : 1;
  if (const auto found = walk(arms, order, first, interval, promise)) return found;
  return walk(arms, order, -first, interval, promise);
}

}  // namespace tier
