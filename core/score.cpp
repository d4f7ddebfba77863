#include "core/score.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <vector>

namespace tier {

double best_demand(std::span<const PlacedDemand> regions, Bytes capacity) {
  std::vector<PlacedDemand> sorted(regions.begin(), regions.end());
  const auto denser = [](const PlacedDemand& a, const PlacedDemand& b) {
    return a.demand * static_cast<double>(b.bytes.value) > b.demand * static_cast<double>(a.bytes.value);
  };
  std::sort(sorted.begin(), sorted.end(), denser);
  double demand = 0;
  double room = static_cast<double>(capacity.value);
  for (const PlacedDemand& region : sorted) {
    const double bytes = static_cast<double>(region.bytes.value);
    if (bytes > room) return demand + (bytes > 0 ? region.demand * room / bytes : 0);
    demand += region.demand;
    room -= bytes;
  }
  return demand;
}

double hit_share(std::span<const double> forecast, std::span<const double> outcome, std::size_t count) {
  const std::size_t taken = std::min(count, outcome.size());
  std::vector<std::size_t> order(outcome.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return forecast[a] > forecast[b]; });
  double got = 0, best = 0;
  for (std::size_t i = 0; i < taken; ++i) got += outcome[order[i]];
  std::vector<double> sorted(outcome.begin(), outcome.end());
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  for (std::size_t i = 0; i < taken; ++i) best += sorted[i];
  return best > 0 ? got / best : 1;
}

}  // namespace tier
