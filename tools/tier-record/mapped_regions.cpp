#include "tools/tier-record/mapped_regions.h"

#include <algorithm>

namespace tier::record {

void MappedRegions::set(const MappingChange& change, std::set<std::uint64_t>& touched) {
  const std::uint64_t first = change.range.start >> kPageShift;
  const std::uint64_t end = (change.range.end + (std::uint64_t{1} << kPageShift) - 1) >> kPageShift;
  for (std::uint64_t page = first; page < end;) {
    const std::uint64_t region = page / kPages;
    const std::uint64_t stop = std::min(end, (region + 1) * kPages);
    if (!change.mapped) touched.insert(region);
    std::bitset<kPages>& bits = pages_[region];
    for (; page < stop; ++page) bits.set(page % kPages, change.mapped);
    if (bits.none()) pages_.erase(region);
  }
}

std::set<std::uint64_t> MappedRegions::apply(const std::vector<MappingChange>& changes) {
  std::set<std::uint64_t> emptied;
  for (const MappingChange& change : changes) set(change, emptied);
  for (auto region = emptied.begin(); region != emptied.end();)
    region = pages_.count(*region) != 0 ? emptied.erase(region) : std::next(region);
  return emptied;
}

}  // namespace tier::record
