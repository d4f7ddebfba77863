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

namespace {

// The lowest forecast among the `count` highest (1 to all of them).
float edge_of(std::span<const float> forecast, std::size_t count, std::vector<float>& scratch) {
  scratch.assign(forecast.begin(), forecast.end());
  const auto edge = scratch.begin() + static_cast<std::ptrdiff_t>(count - 1);
  std::nth_element(scratch.begin(), edge, scratch.end(), std::greater<>());
  return *edge;
}

}  // namespace

void choose_highest(std::span<const float> forecast, std::size_t count, std::span<float> weights,
                    std::vector<float>& scratch) {
  if (count == 0 || count >= forecast.size())
    return std::fill(weights.begin(), weights.end(), count == 0 ? 0.0F : 1.0F);
  const float level = edge_of(forecast, count, scratch);
  std::size_t taken = 0, tied = 0;
  for (const float value : forecast) taken += value > level, tied += value == level;
  const float share = static_cast<float>(count - taken) / static_cast<float>(tied);
  for (std::size_t i = 0; i < forecast.size(); ++i)
    weights[i] = forecast[i] > level ? 1.0F : forecast[i] == level ? share : 0.0F;
}

double captured_demand(std::span<const float> forecast, std::span<const float> outcome, std::size_t count,
                       std::vector<float>& scratch) {
  if (count >= forecast.size()) return std::accumulate(outcome.begin(), outcome.end(), 0.0);
  if (count == 0) return 0;
  const float level = edge_of(forecast, count, scratch);
  double above = 0, alike = 0;
  std::size_t taken = 0, tied = 0;
  for (std::size_t i = 0; i < forecast.size(); ++i) {
    if (forecast[i] > level) {
      above += outcome[i], ++taken;
    } else if (forecast[i] == level) {
      alike += outcome[i], ++tied;
    }
  }
  return above + alike * static_cast<double>(count - taken) / static_cast<double>(tied);
}

}  // namespace tier
