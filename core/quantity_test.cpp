#include "core/quantity.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

TEST(Quantity, ReadsDurationsInEveryUnit) {
  EXPECT_EQ(parse_duration("90ns")->count(), 90);
  EXPECT_EQ(parse_duration("1.5us")->count(), 1500);
  EXPECT_EQ(parse_duration("500 ms")->count(), 500'000'000);
  EXPECT_EQ(parse_duration("1s")->count(), 1'000'000'000);
  EXPECT_EQ(parse_duration("2min")->count(), 120'000'000'000);
  EXPECT_EQ(parse_duration("1h")->count(), 3'600'000'000'000);
}

TEST(Quantity, ReadsSizesAndRates) {
  EXPECT_EQ(*parse_size("0B"), Bytes{0});
  EXPECT_EQ(*parse_size("4K"), 4_KiB);
  EXPECT_EQ(*parse_size("1.5MiB"), Bytes{1'572'864});
  EXPECT_EQ(*parse_size("2MB"), Bytes{2'000'000});
  EXPECT_EQ(*parse_size("3TiB"), Bytes{3ULL << 40});
  EXPECT_EQ(*parse_rate("200MiB/s"), 200_MiB);
  EXPECT_DOUBLE_EQ(*parse_share("1%"), 0.01);
  EXPECT_DOUBLE_EQ(*parse_share("0.25"), 0.25);
}

TEST(Quantity, RefusesMissingUnitJunkSignAndExcess) {
  for (const char* text :
       {"", "1", "s", "1 second", "1sx", "-1s", "nans", "infs", "1e30s", "0x10s", "1,5s", " 1s", "1s "})
    EXPECT_FALSE(parse_duration(text).has_value()) << text;
  for (const char* text : {"", "2", "MiB", "2mib", "2MiB/s", "-2MiB", "2 MiB junk", "1e30B"})
    EXPECT_FALSE(parse_size(text).has_value()) << text;
  for (const char* text : {"200MiB", "200/s", "MiB/s", "200MiB/sec", "/s"})
    EXPECT_FALSE(parse_rate(text).has_value()) << text;
  for (const char* text : {"", "%", "1%%", "1 percent", "-1%"})
    EXPECT_FALSE(parse_share(text).has_value()) << text;
}

TEST(Quantity, SaysHowToWriteIt) {
  const auto refused = parse_duration("10");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().text(), "\"10\" has no unit (fix: write it like \"500ms\")");
}

TEST(Quantity, ShownValuesParseBack) {
  for (const std::int64_t count :
       {0LL, 1LL, 999LL, 1500LL, 1'000'000'000LL, 90'000'000'000LL, 3'600'000'000'000LL})
    EXPECT_EQ(parse_duration(show_duration(Nanoseconds{count}))->count(), count);
  for (const std::uint64_t count : {0ULL, 1ULL, 1000ULL, 1024ULL, 2097152ULL, 3000000ULL, 1ULL << 44})
    EXPECT_EQ(parse_size(show_size(Bytes{count}))->value, count);
  EXPECT_EQ(show_duration(Nanoseconds{90'000'000'000}), "90s");
  EXPECT_EQ(show_size(256_MiB), "256MiB");
}

}  // namespace
}  // namespace tier
