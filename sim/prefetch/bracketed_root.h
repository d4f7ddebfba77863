// The root of a falling function between two bounds.
#pragma once

#include <cmath>

namespace tier::sim {

// f falls, f(low) >= 0. Regula falsi after the Illinois rule: the end that stands twice counts for half.
// Where f(high) > 0 there is no root below: high.
template <typename Function>
double bracketed_root(const Function& f, double low, double high, double tolerance) {
  double at_low = f(low), at_high = f(high);
  if (at_high >= 0) return high;
  if (at_low <= 0) return low;
  int kept = 0;  // which end stood the last time: -1 low, 1 high
  for (int i = 0; i < 100 && high - low > tolerance; ++i) {
    const double middle = (low * at_high - high * at_low) / (at_high - at_low);
    const double at_middle = f(middle);
    if (std::abs(at_middle) <= tolerance) return middle;
    if (at_middle > 0) {
      low = middle, at_low = at_middle;
      if (kept == 1) at_high *= 0.5;
      kept = 1;
    } else {
      high = middle, at_high = at_middle;
      if (kept == -1) at_low *= 0.5;
      kept = -1;
    }
  }
  return 0.5 * (low + high);
}

}  // namespace tier::sim
