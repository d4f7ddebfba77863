#include "tools/tier-lab/plugin/region_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace tier::lab {
namespace {

TEST(RegionTable, AgreesWithAMapThroughGrowthAndClear) {
  struct NodeCounts {
    std::uint32_t misses[3] = {};
  };
  RegionTable<NodeCounts> table;
  std::mt19937_64 random(7);
  for (int round = 0; round < 2; ++round) {
    std::map<std::pair<std::uint64_t, std::size_t>, std::uint32_t> expected;
    for (int i = 0; i < 200'000; ++i) {
      const std::uint64_t region = 0x3f'0000'0000 / 2 + random() % 40'000;
      const std::size_t node = random() % 3;
      ++table.at(region).misses[node];
      ++expected[{region, node}];
    }
    std::map<std::pair<std::uint64_t, std::size_t>, std::uint32_t> seen;
    table.for_each([&](std::uint64_t region, const NodeCounts& counts) {
      for (std::size_t node = 0; node < 3; ++node)
        if (counts.misses[node] != 0) seen[{region, node}] = counts.misses[node];
    });
    EXPECT_EQ(seen, expected);
    table.clear();
  }
  table.for_each([](std::uint64_t, const NodeCounts&) { ADD_FAILURE() << "cleared"; });
}

TEST(KindMisses, EachKindHasItsPlace) {
  KindMisses misses;
  misses.count(false, false);
  for (int i = 0; i < 2; ++i) misses.count(false, true);
  for (int i = 0; i < 3; ++i) misses.count(true, false);
  for (int i = 0; i < 4; ++i) misses.count(true, true);
  EXPECT_EQ(misses.random_loads, 1U);
  EXPECT_EQ(misses.random_stores, 2U);
  EXPECT_EQ(misses.sequential_loads, 3U);
  EXPECT_EQ(misses.sequential_stores, 4U);
}

}  // namespace
}  // namespace tier::lab
