#include "platform/linux/sampling/recent_lines.h"

#include <gtest/gtest.h>

#include <random>

namespace tier {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(RecentLines, ALineThatComesBackSoonIsInTheCaches) {
  RecentLines lines;
  EXPECT_FALSE(lines.seen_again(7, 0x400010, seconds(100)));
  EXPECT_TRUE(lines.seen_again(7, 0x40003f, seconds(101))) << "the same line";
  EXPECT_FALSE(lines.seen_again(7, 0x400040, seconds(101))) << "the next one";
  EXPECT_FALSE(lines.seen_again(8, 0x400010, seconds(101))) << "another process";
  EXPECT_TRUE(lines.seen_again(7, 0x400010, seconds(109)));
  EXPECT_FALSE(lines.seen_again(7, 0x400010, seconds(109) + RecentLines::kRemembered + milliseconds(1)));
}

TEST(RecentLines, TimesOfSeveralCpusMayGoBackALittle) {
  RecentLines lines;
  EXPECT_FALSE(lines.seen_again(7, 0x400010, seconds(100)));
  EXPECT_TRUE(lines.seen_again(7, 0x400010, seconds(100) - milliseconds(3)));
}

TEST(RecentLines, NearlyNothingOfALargeSetComesBack) {
  RecentLines lines;
  std::mt19937_64 random(1);
  const std::uint64_t set = 100ULL << 20U;
  int again = 0;
  for (int i = 0; i < 8000; ++i)  // a minute of 133 samples a second
    again += lines.seen_again(7, 0x7f0000000000 + random() % set, i * milliseconds(7)) ? 1 : 0;
  EXPECT_LT(again, 80);
}

TEST(RecentLines, OfWhatAProgramUsesAllTheTimeNearlyAllComesBack) {
  RecentLines lines;
  std::mt19937_64 random(1);
  int again = 0;
  for (int i = 0; i < 8000; ++i)  // a first cache of 32 KiB, beside a large set
    again += lines.seen_again(7, 0x7f0000000000 + random() % (32U << 10U), i * milliseconds(4)) ? 1 : 0;
  EXPECT_GT(again, 7000);
}

}  // namespace
}  // namespace tier
