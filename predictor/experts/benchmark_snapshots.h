// Snapshots for the price of forecasting.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "core/region.h"

namespace tier {

// A tenth of the regions takes nine tenths of 2,000 samples a tick; one in a hundred comes or goes each tick.
inline std::vector<RegionSnapshot> benchmark_snapshots(std::size_t regions) {
  std::mt19937 random(1);
  std::vector<RegionSnapshot> list(16);
  for (RegionSnapshot& snapshot : list) {
    snapshot.sequence = static_cast<std::uint64_t>(&snapshot - list.data()) + 1;
    for (std::size_t i = 0; i < regions; ++i) {
      if (random() % 100 == 0) continue;
      Region region;
      region.key = {{1}, i * kDefaultRegionSize.value};
      region.range = {region.key.start, region.key.start + kDefaultRegionSize.value};
      region.age = 1000;
      const double share = i % 10 == 0 ? 9.0 : 0.11;
      region.samples =
          std::poisson_distribution<std::uint32_t>(share * 2000 / static_cast<double>(regions))(random);
      region.demand = {1e4 * region.samples};
      snapshot.regions.push_back(region);
    }
  }
  return list;
}

}  // namespace tier
