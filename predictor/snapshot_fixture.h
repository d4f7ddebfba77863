// Snapshots from plain numbers, for tests.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/region.h"

namespace tier {

inline constexpr double kFixtureWeight = 1000;  // accesses one sample stands for

// Region i of the target at i region sizes, with so many samples; a negative number leaves it out. `age` is
// that of all regions.
inline void add_regions(RegionSnapshot& snapshot, std::uint32_t target, std::span<const double> samples,
                        std::uint32_t age = 1000) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (samples[i] < 0) continue;
    Region region;
    region.key = {{target}, i * kDefaultRegionSize.value};
    region.range = {region.key.start, region.key.start + kDefaultRegionSize.value};
    region.samples = static_cast<std::uint32_t>(samples[i]);
    region.demand = {kFixtureWeight * samples[i]};
    region.age = age;
    snapshot.regions.push_back(region);
  }
}

inline RegionSnapshot snapshot_of(std::span<const double> samples, std::uint64_t sequence = 1,
                                  std::uint32_t age = 1000) {
  RegionSnapshot snapshot;
  snapshot.sequence = sequence;
  add_regions(snapshot, 1, samples, age);
  return snapshot;
}

}  // namespace tier
