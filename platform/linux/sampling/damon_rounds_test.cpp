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
  rounds.add(region(ms(100), 0x200000, 3));   // measured since an unknown time: only a start
  rounds.add(region(ms(200), 0x200000, 10));  // 100 ms, 20 samplings: 5 ms each
  rounds.add(region(ms(300), 0x200000, 10));  // still open
  const auto rates = rounds.take();
  ASSERT_EQ(rates.size(), 1U);
  EXPECT_NEAR(rates[0].rate, std::log(2) / 0.005, 1e-6);
  EXPECT_EQ(rates[0].span, (AddressRange{0x200000, 0x400000}));
  EXPECT_TRUE(rounds.take().empty());
}

TEST(DamonRounds, AggregationAcrossAChangeIsDropped) {
  DamonRounds rounds(20);
  rounds.add(region(ms(100), 0x200000, 3));
  rounds.boundary(ms(150));
  rounds.add(region(ms(200), 0x200000, 20));
  rounds.add(region(ms(210), 0x200000, 5));
  rounds.add(region(ms(220), 0x200000, 5));
  const auto rates = rounds.take();
  ASSERT_EQ(rates.size(), 1U);
  EXPECT_NEAR(rates[0].rate, -std::log(0.75) / 0.0005, 1e-6);
}

TEST(DamonRounds, RegionsOfOneAggregationBelongTogether) {
  DamonRounds rounds(20);
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
