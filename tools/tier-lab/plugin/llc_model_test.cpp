#include "tools/tier-lab/plugin/llc_model.h"

#include <gtest/gtest.h>

namespace tier::lab {
namespace {

TEST(LlcGeometry, SetsAndLinesArePowersOfTwo) {
  EXPECT_TRUE((LlcGeometry{4 << 20, 16, 64}.valid()));
  EXPECT_TRUE((LlcGeometry{3 << 20, 12, 64}.valid())) << "any number of ways";
  EXPECT_FALSE((LlcGeometry{3 << 20, 16, 64}.valid()));
  EXPECT_FALSE((LlcGeometry{4 << 20, 0, 64}.valid()));
  EXPECT_FALSE((LlcGeometry{4 << 20, 16, 48}.valid()));
}

TEST(LlcModel, SecondAccessToALineHits) {
  LlcModel cache({64 << 10, 4, 64});
  EXPECT_FALSE(cache.access(0x1000));
  EXPECT_TRUE(cache.access(0x1004));
  EXPECT_TRUE(cache.access(0x103f));
  EXPECT_FALSE(cache.access(0x1040));
}

TEST(LlcModel, TheLeastRecentlyUsedWayLeaves) {
  LlcModel cache({2 * 64, 2, 64});  // one set, two ways
  EXPECT_FALSE(cache.access(0 * 64));
  EXPECT_FALSE(cache.access(1 * 64));
  EXPECT_TRUE(cache.access(0 * 64));
  EXPECT_FALSE(cache.access(2 * 64));  // evicts line 1
  EXPECT_TRUE(cache.access(0 * 64));
  EXPECT_FALSE(cache.access(1 * 64));
}

TEST(LlcModel, HoldsItsCapacityAndNoMore) {
  const LlcGeometry geometry{1 << 20, 16, 64};
  LlcModel cache(geometry);
  const std::uint64_t lines = geometry.size_bytes / 64;
  for (int round = 0; round < 2; ++round) {
    std::uint64_t hits = 0;
    for (std::uint64_t line = 0; line < lines; ++line) hits += cache.access(line * 64) ? 1U : 0U;
    EXPECT_EQ(hits, round == 0 ? 0 : lines) << "data of exactly the cache's size stays";
  }
  LlcModel small(geometry);
  std::uint64_t hits = 0;
  for (int round = 0; round < 3; ++round)
    for (std::uint64_t line = 0; line < lines * 2; ++line) hits += small.access(line * 64) ? 1U : 0U;
  EXPECT_LT(hits, lines / 10) << "a loop over twice the cache misses nearly always under LRU";
}

TEST(LineFilter, RemembersTheLastLineOfEachSlot) {
  LineFilter filter;
  filter.clear();
  EXPECT_FALSE(filter.hit(0));
  EXPECT_TRUE(filter.hit(63));
  EXPECT_FALSE(filter.hit(512 * 64)) << "same slot, another line";
  EXPECT_FALSE(filter.hit(0));
}

TEST(LlcModel, AFlushTakesOneLineOutAndLeavesTheOthers) {
  LlcModel cache({4096, 4, 64});
  for (std::uint64_t line = 0; line < 64; ++line) cache.access(line * 64);
  cache.flush(5 * 64 + 8);
  cache.flush(1 << 20);  // not there
  for (std::uint64_t line = 0; line < 64; ++line)
    if (line != 5) {
      EXPECT_TRUE(cache.access(line * 64)) << line;
    }
  EXPECT_FALSE(cache.access(5 * 64));
  EXPECT_TRUE(cache.access(5 * 64));
}

TEST(LineFilter, ForgetsOneLine) {
  LineFilter filter;
  filter.clear();
  EXPECT_FALSE(filter.hit(0x1000));
  EXPECT_FALSE(filter.hit(0x1040));
  filter.forget(0x1008);
  EXPECT_FALSE(filter.hit(0x1000));
  EXPECT_TRUE(filter.hit(0x1040));
}

}  // namespace
}  // namespace tier::lab
