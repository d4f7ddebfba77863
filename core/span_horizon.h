// Forecasts count ticks, gains count seconds: which forecast tells of a span of time.
#pragma once

#include <cstddef>

#include "core/forecast.h"

namespace tier {

// Index into kHorizons of the longest horizon that does not reach beyond `span`, the first at least. Both in
// seconds.
inline std::size_t horizon_within(double span, double tick) {
  std::size_t horizon = 0;
  while (horizon + 1 < kHorizons.size() && kHorizons[horizon + 1] * tick <= span) ++horizon;
  return horizon;
}

}  // namespace tier
