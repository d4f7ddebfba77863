// Misses of one period by 2 MiB region and node: a flat open-addressing table, no allocation on the hot path
// until it is three quarters full.
#pragma once

#include <cstdint>
#include <vector>

namespace tier::lab {

inline constexpr std::size_t kMaxNodes = 8;
inline constexpr unsigned kRegionShift = 21;

struct RegionMisses {
  std::uint64_t region = kNoRegion;  // virtual address >> kRegionShift
  std::uint32_t misses[kMaxNodes] = {};
  static constexpr std::uint64_t kNoRegion = ~std::uint64_t{0};
};

class RegionTable {
 public:
  RegionTable() : entries_(kInitial) {}

  void count(std::uint64_t region, std::size_t node) {
    RegionMisses& last = entries_[last_];
    if (last.region == region) {
      ++last.misses[node];
      return;
    }
    find(region).misses[node]++;
  }

  // Calls visit(const RegionMisses&) for every region counted since the last clear().
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const RegionMisses& entry : entries_)
      if (entry.region != RegionMisses::kNoRegion) visit(entry);
  }

  void clear() {
    for (RegionMisses& entry : entries_) entry = RegionMisses{};
    used_ = 0;
    last_ = 0;
  }

 private:
  static constexpr std::size_t kInitial = 1 << 14;

  static std::size_t slot(std::uint64_t region, std::size_t size) {
    return static_cast<std::size_t>((region * 0x9e3779b97f4a7c15ULL) >> 20) & (size - 1);
  }

  RegionMisses& find(std::uint64_t region) {
    std::size_t at = slot(region, entries_.size());
    while (entries_[at].region != region) {
      if (entries_[at].region == RegionMisses::kNoRegion) {
        if (used_ * 4 >= entries_.size() * 3) {
          grow();
          return find(region);
        }
        entries_[at].region = region;
        ++used_;
        break;
      }
      at = (at + 1) & (entries_.size() - 1);
    }
    last_ = at;
    return entries_[at];
  }

  void grow() {
    std::vector<RegionMisses> old(entries_.size() * 2);
    old.swap(entries_);
    for (const RegionMisses& entry : old) {
      if (entry.region == RegionMisses::kNoRegion) continue;
      std::size_t at = slot(entry.region, entries_.size());
      while (entries_[at].region != RegionMisses::kNoRegion) at = (at + 1) & (entries_.size() - 1);
      entries_[at] = entry;
    }
  }

  std::vector<RegionMisses> entries_;
  std::size_t used_ = 0;
  std::size_t last_ = 0;
};

}  // namespace tier::lab
