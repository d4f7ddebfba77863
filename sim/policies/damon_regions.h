// DAMON's monitoring of one tier's physical memory: accessed bits of one page per region and sample, regions
// that split and merge with what they show.
#pragma once

#include <cstdint>
#include <queue>
#include <vector>

#include "sim/machine/sampling.h"

namespace tier::sim {

struct DamonRegion {
  Region begin = 0, end = 0;   // frames
  std::uint32_t accesses = 0;  // samples that found the bit set, of kSamples
  std::uint32_t age = 0;       // aggregations since that changed much
};

class DamonMonitor {
 public:
  static constexpr std::uint32_t kSamples = 20;  // per aggregation: 100 ms / 5 ms

  DamonMonitor(int tier, Region frames, std::uint32_t least, std::uint32_t most, std::uint64_t seed);

  // Which machine region lies in which frame: the lowest free one, as an allocator would.
  void arrive(Region region);
  void leave(Region region);
  static constexpr Region kEmpty = 0xFFFFFFFF;
  Region in_frame(Region frame) const { return frames_[frame]; }

  // One aggregation: twenty samples, each of a page of each region, then merging and splitting. O(regions).
  void aggregate(const Machine& machine, Nanoseconds sample_interval);
  const std::vector<DamonRegion>& regions() const { return regions_; }
  double observed() const { return observed_; }  // share of samples, by size, that found the bit set

 private:
  void merge();
  void split();

  int tier_;
  std::uint32_t least_, most_;
  Random random_;
  std::vector<Region> frames_;    // machine region, or kEmpty
  std::vector<Region> frame_of_;  // of a machine region
  std::priority_queue<Region, std::vector<Region>, std::greater<>> returned_;
  Region fresh_ = 0;  // frames from here on were never used
  std::vector<DamonRegion> regions_;
  std::vector<std::uint32_t> before_;  // accesses of the last aggregation
  std::size_t regions_before_ = 0;
  double observed_ = 0;
};

}  // namespace tier::sim
