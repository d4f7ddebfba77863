// Misses of one period by 2 MiB region: a flat open-addressing table, no allocation on the hot path until it
// is three quarters full.
#pragma once

#include <cstdint>
#include <vector>

namespace tier::lab {

inline constexpr std::size_t kMaxNodes = 16;  // two sockets of Xeon Max in four clusters each
inline constexpr unsigned kRegionShift = 21;

// Misses by kind, in the order in which the events files have them.
struct KindMisses {
  std::uint32_t random_loads = 0, random_stores = 0;
  std::uint32_t sequential_loads = 0, sequential_stores = 0;

  void count(bool sequential, bool store) {
    if (sequential)
      ++(store ? sequential_stores : sequential_loads);
    else
      ++(store ? random_stores : random_loads);
  }
};

// `Counts` is a plain struct that starts at zero.
template <typename Counts>
class RegionTable {
 public:
  RegionTable() : entries_(kInitial) {}

  // The counts of a region, named by its virtual address >> kRegionShift; valid until the next call.
  Counts& at(std::uint64_t region) {
    Entry& last = entries_[last_];
    return last.region == region ? last.counts : find(region).counts;
  }

  // Calls visit(region, counts) for every region asked for since the last clear().
  template <typename Visit>
  void for_each(Visit visit) const {
    for (const Entry& entry : entries_)
      if (entry.region != kNoRegion) visit(entry.region, entry.counts);
  }

  void clear() {
    for (Entry& entry : entries_) entry = Entry{};
    used_ = 0;
    last_ = 0;
  }

 private:
  static constexpr std::size_t kInitial = 1 << 14;
  static constexpr std::uint64_t kNoRegion = ~std::uint64_t{0};

  struct Entry {
    std::uint64_t region = kNoRegion;
    Counts counts;
  };

  static std::size_t slot(std::uint64_t region, std::size_t size) {
    return static_cast<std::size_t>((region * 0x9e3779b97f4a7c15ULL) >> 20) & (size - 1);
  }

  Entry& find(std::uint64_t region) {
    std::size_t at = slot(region, entries_.size());
    while (entries_[at].region != region) {
      if (entries_[at].region == kNoRegion) {
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
    std::vector<Entry> old(entries_.size() * 2);
    old.swap(entries_);
    for (const Entry& entry : old) {
      if (entry.region == kNoRegion) continue;
      std::size_t at = slot(entry.region, entries_.size());
      while (entries_[at].region != kNoRegion) at = (at + 1) & (entries_.size() - 1);
      entries_[at] = entry;
    }
  }

  std::vector<Entry> entries_;
  std::size_t used_ = 0;
  std::size_t last_ = 0;
};

}  // namespace tier::lab
