#include "platform/linux/sampling/damon_rate.h"

#include <gtest/gtest.h>

#include <cmath>

namespace tier {
namespace {

// What DAMON would count of accesses that come at random at `rate`.
DamonObservation expected(double rate, double window) {
  const double share = 1 - std::exp(-rate * window);
  return {static_cast<std::uint32_t>(std::lround(share * 20)), 20, window};
}

TEST(DamonRate, OneWindow) {
  const DamonObservation half{10, 20, 0.005};
  EXPECT_NEAR(damon_rate({&half, 1}), std::log(2) / 0.005, 1e-9);
  const DamonObservation none{0, 20, 0.005};
  EXPECT_EQ(damon_rate({&none, 1}), 0);
  EXPECT_EQ(damon_rate({}), 0);
}

TEST(DamonRate, SaturatedWindowGivesOnlyALowerBound) {
  const DamonObservation all{20, 20, 0.02};
  EXPECT_NEAR(damon_rate({&all, 1}), std::log(40) / 0.02, 1e-9);
}

TEST(DamonRate, ThreeWindowsTellFourOrdersOfMagnitudeApart) {
  double previous = 0;
  for (const double rate : {2.0, 10.0, 50.0, 250.0, 1250.0, 4000.0}) {
    const std::vector<DamonObservation> seen = {expected(rate, 0.0005), expected(rate, 0.005),
                                                expected(rate, 0.05)};
    const double found = damon_rate(seen);
    EXPECT_GT(found, previous) << rate;
    EXPECT_NEAR(found / rate, 1, 0.4) << rate;
    previous = found;
  }
}

TEST(DamonRate, NonsenseIsIgnored) {
  const std::vector<DamonObservation> seen = {{5, 0, 0.1}, {5, 20, 0}, {10, 20, 0.01}};
  EXPECT_NEAR(damon_rate(seen), std::log(2) / 0.01, 1e-9);
}

Mapping mapping(Address start, Address end, bool readable = true) {
  Mapping m;
  m.range = {start, end};
  m.readable = readable;
  return m;
}

TEST(DamonSpans, ClippedToWhatIsMapped) {
  const std::vector<Mapping> mappings = {mapping(0x100000, 0x500000), mapping(0x580000, 0x590000),
                                         mapping(0x40000000, 0x40001000),
                                         mapping(0x50000000, 0x60000000, false)};
  const std::vector<AddressRange> spans = damon_spans(mappings, 1000);
  ASSERT_EQ(spans.size(), 4U);
  EXPECT_EQ(spans[0], (AddressRange{0x100000, 0x200000}));
  EXPECT_EQ(spans[1], (AddressRange{0x200000, 0x400000}));
  EXPECT_EQ(spans[2], (AddressRange{0x400000, 0x590000}));
  EXPECT_EQ(spans[3], (AddressRange{0x40000000, 0x40001000}));
}

TEST(DamonSpans, GrowWhenThereAreTooMany) {
  const std::vector<Mapping> mappings = {mapping(0, 1ULL << 34)};
  const std::vector<AddressRange> spans = damon_spans(mappings, 4096);
  EXPECT_EQ(spans.size(), 4096U);
  EXPECT_EQ(spans[0].size(), Bytes{4U << 20});
  for (std::size_t i = 1; i < spans.size(); ++i) EXPECT_LE(spans[i - 1].end, spans[i].start);
}

}  // namespace
}  // namespace tier
