// Which regions of a process still hold anything, as far as its system calls tell.
#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "tools/tier-record/recording.h"

namespace tier::record {

// Regions are numbered by address >> lab::kRegionShift.
class MappedRegions {
 public:
  // Applies one period's changes in order and gives the regions that they left without a mapped page. What
  // was mapped before the program's first system call is not known; a region that only held such pages and
  // is unmapped in part counts as empty, and comes back with its next miss.
  std::set<std::uint64_t> apply(const std::vector<MappingChange>& changes);

 private:
  static constexpr unsigned kPageShift = 12;
  static constexpr std::size_t kPages = std::size_t{1} << (lab::kRegionShift - kPageShift);

  void set(const MappingChange& change, std::set<std::uint64_t>& touched);

  std::map<std::uint64_t, std::bitset<kPages>> pages_;
};

}  // namespace tier::record
