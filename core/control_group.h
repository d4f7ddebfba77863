// The control group: regions that follow one forecast while all others follow another, so that the two can be
// compared on the same machine at the same time.
#pragma once

#include <algorithm>
#include <cmath>

#include "core/region.h"

namespace tier {

// Regions fall into so many buckets by the hash of their keys, always into the same one.
inline constexpr int kRegionBuckets = 64;
// By the high bits: panels of experts choose by the low ones, and the two must not go together.
constexpr int bucket_of(const RegionKey& key) { return static_cast<int>(mixed(key) >> 58); }

struct ControlGroup {
  int buckets = 0;  // 0 to kRegionBuckets / 2; the first ones

  // `share` of all regions, 0..0.5, to the nearest 64th but not to none.
  static ControlGroup of_share(double share) {
    if (!(share > 0)) return {};
    return {std::clamp(static_cast<int>(std::lround(share * kRegionBuckets)), 1, kRegionBuckets / 2)};
  }
  constexpr bool has(const RegionKey& key) const { return bucket_of(key) < buckets; }
  double share() const { return static_cast<double>(buckets) / kRegionBuckets; }
};

}  // namespace tier
