// Lists of regions, each region on one of them at most; everything in constant time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sim/machine/machine.h"

namespace tier::sim {

class RegionLists {
 public:
  RegionLists(Region regions, int lists)
      : regions_(regions),
        next_(regions + static_cast<Region>(lists)),
        previous_(next_.size()),
        list_(regions, kNone),
        size_(static_cast<std::size_t>(lists)) {
    for (Region end = regions; end < next_.size(); ++end) next_[end] = previous_[end] = end;
  }

  static constexpr std::int16_t kNone = -1;
  int list_of(Region region) const { return list_[region]; }
  Region size(int list) const { return size_[static_cast<std::size_t>(list)]; }

  void push_back(int list, Region region) { insert(list, region, previous_[end(list)]); }
  void push_front(int list, Region region) { insert(list, region, end(list)); }
  // Nothing where it is on no list.
  void remove(Region region) {
    if (list_[region] == kNone) return;
    next_[previous_[region]] = next_[region];
    previous_[next_[region]] = previous_[region];
    --size_[static_cast<std::size_t>(list_[region])];
    list_[region] = kNone;
  }
  std::optional<Region> front(int list) const { return at(list, next_[end(list)]); }
  std::optional<Region> back(int list) const { return at(list, previous_[end(list)]); }
  std::optional<Region> after(Region region) const { return at(list_[region], next_[region]); }

 private:
  Region end(int list) const { return regions_ + static_cast<Region>(list); }
  std::optional<Region> at(int list, Region region) const {
    return region == end(list) ? std::nullopt : std::optional(region);
  }
  void insert(int list, Region region, Region behind) {
    remove(region);
    next_[region] = next_[behind];
    previous_[region] = behind;
    previous_[next_[behind]] = region;
    next_[behind] = region;
    list_[region] = static_cast<std::int16_t>(list);
    ++size_[static_cast<std::size_t>(list)];
  }

  Region regions_;
  std::vector<Region> next_, previous_;  // lists' ends lie behind the regions
  std::vector<std::int16_t> list_;
  std::vector<Region> size_;
};

}  // namespace tier::sim
