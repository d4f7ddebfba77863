// A forecast of demand with its uncertainty, for one region over several horizons.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/region.h"

namespace tier {

inline constexpr std::array<int, 3> kHorizons = {1, 4, 16};  // ticks ahead

// Mean demand over the next `horizon` ticks; low and high are the 0.1 and 0.9 quantiles. By second, since
// ticks differ in length.
struct DemandQuantiles {
  float low = 0, mean = 0, high = 0;  // accesses per second
};

struct DemandForecast {
  RegionKey key;
  std::array<DemandQuantiles, kHorizons.size()> horizons{};
};

struct ForecastSet {
  std::uint64_t sequence = 0;  // of the snapshot it was made from
  std::string forecaster;
  std::vector<DemandForecast> forecasts;  // same order as the snapshot's regions
  // How much of the distance from the mean to a quantile a choice should heed, 0..1. Whoever takes the best
  // of many takes the most overrated too, so noisy means need it; means that are held to what came need
  // little.
  double caution = 1;
};

// The same forecast for a set of another caution, its quantiles as far off as will be heeded alike. A set
// that heeds none cannot be told.
inline DemandForecast with_caution(DemandForecast forecast, double own, double of_set) {
  if (!(of_set > 0)) return forecast;
  const auto factor = static_cast<float>(own / of_set);
  for (DemandQuantiles& q : forecast.horizons) {
    q.low = q.mean - factor * (q.mean - q.low);
    q.high = q.mean + factor * (q.high - q.mean);
  }
  return forecast;
}

}  // namespace tier
