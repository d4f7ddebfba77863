#include "tools/tier-lab/plugin/stream_table.h"

#include <gtest/gtest.h>

#include <random>

namespace tier::lab {
namespace {

constexpr std::uint64_t kLine = 64, kPage = 4096;

TEST(StreamTable, AScanIsPredictedButForTwoLinesOfEachPage) {
  for (const bool down : {false, true}) {
    StreamTable streams;
    int predicted = 0;
    for (std::uint64_t i = 0; i < 10 * 64; ++i)
      predicted += streams.predicted(0x7000'0000 + (down ? 639 - i : i) * kLine) ? 1 : 0;
    EXPECT_EQ(predicted, 10 * 62) << (down ? "down" : "up");
  }
}

TEST(StreamTable, RandomMissesAreNot) {
  StreamTable streams;
  std::mt19937_64 random(3);
  int predicted = 0;
  for (int i = 0; i < 100'000; ++i) predicted += streams.predicted(random() % (64 << 20)) ? 1 : 0;
  EXPECT_LT(predicted, 100);
}

TEST(StreamTable, FollowsThirtyTwoStreamsAtOnceAndNoMore) {
  for (const std::uint64_t count : {32U, 33U}) {
    StreamTable streams;
    int predicted = 0;
    for (std::uint64_t line = 0; line < 64; ++line)
      for (std::uint64_t page = 0; page < count; ++page)
        predicted += streams.predicted(page * kPage + line * kLine) ? 1 : 0;
    EXPECT_EQ(predicted, count == 32 ? 32 * 62 : 0);
  }
}

TEST(StreamTable, ATurnOrAJumpEndsTheStream) {
  StreamTable streams;
  EXPECT_FALSE(streams.predicted(10 * kLine));
  EXPECT_FALSE(streams.predicted(11 * kLine));
  EXPECT_TRUE(streams.predicted(15 * kLine)) << "four lines on";
  EXPECT_FALSE(streams.predicted(14 * kLine)) << "turns";
  EXPECT_TRUE(streams.predicted(13 * kLine));
  EXPECT_FALSE(streams.predicted(20 * kLine)) << "jumps";
  EXPECT_FALSE(streams.predicted(21 * kLine));
  EXPECT_TRUE(streams.predicted(22 * kLine));
}

}  // namespace
}  // namespace tier::lab
