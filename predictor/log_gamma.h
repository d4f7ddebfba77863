// The logarithm of the gamma function, for any thread.
#pragma once

#include <cmath>

namespace tier {

// x > 0. std::lgamma writes the global `signgam` (lgamma(3)), which two threads may not do at once; for
// positive x it tells nothing.
inline double log_gamma(double x) {
#if defined(__GLIBC__)
  int sign = 0;
  return ::lgamma_r(x, &sign);
#else
  return std::lgamma(x);
#endif
}

}  // namespace tier
