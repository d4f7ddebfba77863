#include "tools/tier-lab/plugin/region_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace tier::lab {
namespace {

TEST(RegionTable, AgreesWithAMapThroughGrowthAndClear) {
  RegionTable table;
  std::mt19937_64 random(7);
  for (int round = 0; round < 2; ++round) {
    std::map<std::pair<std::uint64_t, std::size_t>, std::uint32_t> expected;
    for (int i = 0; i < 200'000; ++i) {
      const std::uint64_t region = 0x3f'0000'0000 / 2 + random() % 40'000;
      const std::size_t node = random() % 3;
      table.count(region, node);
      ++expected[{region, node}];
    }
    std::map<std::pair<std::uint64_t, std::size_t>, std::uint32_t> seen;
    table.for_each([&](const RegionMisses& entry) {
      for (std::size_t node = 0; node < kMaxNodes; ++node)
        if (entry.misses[node] != 0) seen[{entry.region, node}] = entry.misses[node];
    });
    EXPECT_EQ(seen, expected);
    table.clear();
  }
  table.for_each([](const RegionMisses&) { ADD_FAILURE() << "cleared"; });
}

}  // namespace
}  // namespace tier::lab
