// A set-associative last-level cache by physical line with least-recently-used replacement, and a small
// filter in front of it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <vector>

namespace tier::lab {

// Geometry: all three are powers of two except `ways`; capacity in bytes is sets * ways * line.
struct LlcGeometry {
  std::uint64_t size_bytes = 4ULL << 20;
  std::uint32_t ways = 16;
  std::uint32_t line_bytes = 64;

  std::uint64_t sets() const { return size_bytes / (std::uint64_t{ways} * line_bytes); }
  // True when the number of sets and the line are powers of two and nothing is zero.
  bool valid() const {
    return ways > 0 && line_bytes >= 16 && std::has_single_bit(line_bytes) &&
           size_bytes % (std::uint64_t{ways} * line_bytes) == 0 && sets() > 0 && std::has_single_bit(sets());
  }
};

class LlcModel {
 public:
  explicit LlcModel(LlcGeometry geometry)
      : ways_(geometry.ways),
        line_shift_(static_cast<unsigned>(std::countr_zero(geometry.line_bytes))),
        set_mask_(geometry.sets() - 1),
        lines_(geometry.sets() * geometry.ways, kEmpty) {}

  // Looks a physical address up and fetches its line. True when the line was there. Most recent first within
  // a set, so a hit in the first way costs one comparison.
  bool access(std::uint64_t physical) {
    const std::uint64_t line = physical >> line_shift_;
    std::uint64_t* way = &lines_[set_of(line) * ways_];
    if (way[0] == line) return true;
    std::uint32_t position = 1;
    while (position < ways_ && way[position] != line) ++position;
    const bool hit = position < ways_;
    const std::uint32_t moved = hit ? position : ways_ - 1;
    std::memmove(way + 1, way, moved * sizeof(std::uint64_t));
    way[0] = line;
    return hit;
  }

  // Takes the line of a physical address out, as clflush does.
  void flush(std::uint64_t physical) {
    const std::uint64_t line = physical >> line_shift_;
    std::uint64_t* way = &lines_[set_of(line) * ways_];
    std::uint32_t position = 0;
    while (position < ways_ && way[position] != line) ++position;
    if (position == ways_) return;
    std::memmove(way + position, way + position + 1, (ways_ - 1 - position) * sizeof(std::uint64_t));
    way[ways_ - 1] = kEmpty;
  }

 private:
  // Fold higher bits in: real caches hash, and huge pages would otherwise make every region start in the
  // same set.
  std::uint64_t set_of(std::uint64_t line) const { return (line ^ (line >> 15)) & set_mask_; }

  static constexpr std::uint64_t kEmpty = ~std::uint64_t{0};
  std::uint32_t ways_;
  unsigned line_shift_;
  std::uint64_t set_mask_;
  std::vector<std::uint64_t> lines_;
};

// Direct-mapped filter by virtual line, one for each vCPU: the part of a first-level cache. Accesses that hit
// it cannot miss the last level, so they need neither a physical address nor a look-up there. A line whose
// page has just been moved may hit once more; that is at most kEntries accesses for each move.
class LineFilter {
 public:
  bool hit(std::uint64_t virtual_address) {
    const std::uint64_t line = virtual_address >> 6;
    std::uint64_t& entry = entries_[line & (kEntries - 1)];
    if (entry == line) return true;
    entry = line;
    return false;
  }
  // The next access to this line goes to the last level.
  void forget(std::uint64_t virtual_address) {
    std::uint64_t& entry = entries_[(virtual_address >> 6) & (kEntries - 1)];
    if (entry == virtual_address >> 6) entry = ~std::uint64_t{0};
  }
  void clear() { std::memset(entries_, 0xff, sizeof entries_); }

 private:
  static constexpr std::size_t kEntries = 512;
  std::uint64_t entries_[kEntries] = {};
};

}  // namespace tier::lab
