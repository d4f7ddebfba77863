#include "platform/linux/sampling/damon_rounds.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tier {
namespace {

constexpr Nanoseconds ms(int count) { return std::chrono::milliseconds(count); }

tier_damon_region region(Nanoseconds time, Address start, std::uint32_t accesses) {
  tier_damon_region event{};
  event.time_ns = static_cast<std::uint64_t>(time.count());
  event.start = start;
  event.end = start + 0x200000;
  event.accesses = accesses;
  return event;
}

TEST(DamonRounds, WindowIsTheMeasuredTime) {
  DamonRounds rounds(20);
  rounds.begin(ms(100));
  rounds.add(region(ms(200), 0x200000, 10));  // 100 ms, 20 samplings: 5 ms each
  const auto rates = rounds.take();
  ASSERT_EQ(rates.size(), 1U);
  EXPECT_NEAR(rates[0].rate, std::log(2) / 0.005, 1e-6);
  EXPECT_EQ(rates[0].span, (AddressRange{0x200000, 0x400000}));
  EXPECT_TRUE(rounds.take().empty());
}

TEST(DamonRounds, UnknownBeginningIsDropped) {
  DamonRounds rounds(20);
  rounds.add(region(ms(100), 0x200000, 20));
  EXPECT_TRUE(rounds.take().empty());
}

TEST(DamonRounds, EachBeginningStartsItsOwnWindow) {
  DamonRounds rounds(20);
  rounds.begin(ms(100));
  rounds.add(region(ms(200), 0x200000, 20));  // saturated at 5 ms
  rounds.begin(ms(300));
  rounds.add(region(ms(310), 0x200000, 5));  // 0.5 ms
  const auto rates = rounds.take();
  ASSERT_EQ(rates.size(), 1U);
  EXPECT_NEAR(rates[0].rate, -std::log(0.75) / 0.0005, 1e-6);
}

TEST(DamonRounds, SplitRegionsFallIntoTheSamePiece) {
  DamonRounds rounds(20);
  rounds.begin(ms(100));
  tier_damon_region left = region(ms(200), 0x200000, 10), right = region(ms(200), 0x3d0000, 10);
  left.end = right.start;
  right.end = 0x400000;
  rounds.add(left);
  rounds.add(right);
  const auto rates = rounds.take();
  ASSERT_EQ(rates.size(), 1U);
  EXPECT_EQ(rates[0].span.start, 0x200000U);
}

TEST(DamonRounds, RegionsOfOneAggregationBelongTogether) {
  DamonRounds rounds(20);
  rounds.begin(ms(50));
  for (const Nanoseconds time : {ms(100), ms(200), ms(300)})
    for (int i = 0; i < 3; ++i)
      rounds.add(region(time + std::chrono::microseconds(10 * i), 0x200000U * static_cast<unsigned>(i + 1),
                        static_cast<std::uint32_t>(i)));
  const auto rates = rounds.take();
  ASSERT_EQ(rates.size(), 3U);
  EXPECT_EQ(rates[0].rate, 0);
  EXPECT_LT(rates[1].rate, rates[2].rate);
}

}  // namespace
}  // namespace tier
