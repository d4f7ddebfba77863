#include "tools/tier-record/mapped_regions.h"

#include <gtest/gtest.h>

namespace tier::record {
namespace {

constexpr Address kRegion = Address{1} << lab::kRegionShift;

MappingChange map(Address start, Address end) { return {true, {start, end}}; }
MappingChange unmap(Address start, Address end) { return {false, {start, end}}; }
using Regions = std::set<std::uint64_t>;

TEST(MappedRegions, ARegionIsEmptyWhenItsLastPageGoes) {
  MappedRegions mapped;
  EXPECT_EQ(mapped.apply({map(kRegion, 3 * kRegion)}), Regions{});
  EXPECT_EQ(mapped.apply({unmap(kRegion, 2 * kRegion - 4096)}), Regions{}) << "one page is left";
  EXPECT_EQ(mapped.apply({unmap(2 * kRegion - 4096, 2 * kRegion)}), Regions{1});
  EXPECT_EQ(mapped.apply({unmap(kRegion, 4 * kRegion)}), (Regions{1, 2, 3}))
      << "unknown ones count as emptied";
}

TEST(MappedRegions, WhatIsMappedAgainInTheSamePeriodIsNotEmpty) {
  MappedRegions mapped;
  mapped.apply({map(0, kRegion)});
  EXPECT_EQ(mapped.apply({unmap(0, kRegion), map(0, 4096)}), Regions{});
  EXPECT_EQ(mapped.apply({unmap(0, 4096)}), Regions{0});
}

TEST(MappedRegions, EndsInsideAPageCountAsTheWholePage) {
  MappedRegions mapped;
  mapped.apply({map(kRegion, kRegion + 100)});
  EXPECT_EQ(mapped.apply({unmap(kRegion, kRegion + 1)}), Regions{1});
}

TEST(MappedRegions, NeighboursShareARegion) {
  MappedRegions mapped;
  mapped.apply({map(kRegion / 2, kRegion), map(0, kRegion / 2)});
  EXPECT_EQ(mapped.apply({unmap(0, kRegion / 2)}), Regions{});
  EXPECT_EQ(mapped.apply({unmap(kRegion / 2, kRegion)}), Regions{0});
}

}  // namespace
}  // namespace tier::record
