#include "predictor/run_lengths.h"

#include <algorithm>
#include <cmath>

namespace tier {

RunLengths::Step RunLengths::advance() {
  ++now_;
  Step step;
  if (count_ == kMost) {
    // Give up the start whose neighbour tells nearly the same: ages closest in ratio.
    double least = 1e300;
    for (std::size_t i = 2; i < count_; ++i) {
      const double older = static_cast<double>(now_ - start_[i - 1]),
                   newer = static_cast<double>(now_ - start_[i]);
      if (older / newer < least) least = older / newer, step.absorbed = i;
    }
    // Or the oldest, once it has seen nearly as much as "always" remembers.
    if (static_cast<double>(now_ - start_[1]) > 1 / (1 - kKept)) step.absorbed = 1;
    std::copy(start_.begin() + step.absorbed + 1, start_.begin() + count_, start_.begin() + step.absorbed);
    --count_;
  }
  start_[count_++] = now_;
  step.count = count_;
  return step;
}

double RunLengths::exposure(std::size_t i, std::uint64_t region_age) const {
  if (i > 0) return static_cast<double>(std::min(now_ - start_[i] + 1, region_age));
  const double age = static_cast<double>(std::min<std::uint64_t>(now_, region_age));
  return (1 - std::pow(kKept, age)) / (1 - kKept);
}

}  // namespace tier
