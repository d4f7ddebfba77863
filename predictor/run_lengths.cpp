#include "predictor/run_lengths.h"

#include <algorithm>
#include <cmath>

namespace tier {

// The one to give up is that whose neighbour tells nearly the same: ages closest in ratio. Or the oldest,
// once it has seen nearly as much as "always" remembers.
std::size_t RunLengths::dispensable() const {
  const auto age = [&](std::size_t i) { return static_cast<double>(now_ - start_[i]); };
  if (age(1) > 1 / (1 - kKept)) return 1;
  std::size_t found = 2;
  for (std::size_t i = 3; i < count_; ++i) {
    if (age(i - 1) / age(i) < age(found - 1) / age(found)) found = i;
  }
  return found;
}

RunLengths::Step RunLengths::advance() {
  ++now_;
  Step step{count_, 0};
  if (count_ == kMost) {
    const std::size_t gone = dispensable();
    step = {slots_[gone], slots_[gone - 1]};
    std::copy(start_.begin() + gone + 1, start_.begin() + count_, start_.begin() + gone);
    std::copy(slots_.begin() + gone + 1, slots_.begin() + count_, slots_.begin() + gone);
    --count_;
  }
  start_[count_] = now_;
  slots_[count_] = step.newest;
  ++count_;
  return step;
}

double RunLengths::exposure(std::size_t i, std::uint64_t region_age) const {
  if (i > 0) return static_cast<double>(std::min(now_ - start_[i] + 1, region_age));
  const double age = static_cast<double>(std::min<std::uint64_t>(now_, region_age));
  return (1 - std::pow(kKept, age)) / (1 - kKept);
}

}  // namespace tier
