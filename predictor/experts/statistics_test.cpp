#include "predictor/experts/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "predictor/snapshot_fixture.h"

namespace tier {
namespace {

using Samples = std::vector<double>;

TEST(Roster, TellsWhoStayedCameAndLeft) {
  Roster roster;
  roster.update(snapshot_of(Samples{1, 1, 1, -1, 1, 1}));
  EXPECT_EQ(roster.arrived().size(), 5U);
  roster.update(snapshot_of(Samples{1, -1, 1, 1, 1, 1}));
  EXPECT_EQ(std::vector<std::uint32_t>(roster.left().begin(), roster.left().end()),
            std::vector<std::uint32_t>{1});
  EXPECT_EQ(std::vector<std::uint32_t>(roster.arrived().begin(), roster.arrived().end()),
            std::vector<std::uint32_t>{2});
  ASSERT_EQ(roster.runs().size(), 3U);
  EXPECT_EQ(roster.runs()[2].from, 3U);
  EXPECT_EQ(roster.runs()[2].to, 3U);
  EXPECT_EQ(roster.runs()[2].count, 2U);
  roster.update(snapshot_of(Samples{1, -1, 1, 1, 1, 1}));
  EXPECT_TRUE(roster.unchanged());
}

TEST(Column, FollowsItsRowsWhateverComesAndGoes) {
  std::mt19937 random(1);
  Roster roster;
  Column<float> column(3);
  std::vector<float> spare;
  for (int t = 0; t < 50; ++t) {
    Samples samples(40);
    for (double& each : samples) each = random() % 4 == 0 ? -1 : 1;
    roster.update(snapshot_of(samples));
    column.align(roster, -1, spare);
    for (std::size_t row = 0; row < roster.size(); ++row) {
      const auto expected = static_cast<float>(roster.key(row).start);
      for (float& value : column.row(row)) {
        EXPECT_TRUE(value == expected || value == -1);
        value = expected;
      }
    }
    for (const std::uint32_t row : roster.arrived()) EXPECT_LT(row, roster.size());
  }
}

TEST(PackedDemand, IsWithinItsError) {
  EXPECT_EQ(pack_demand(0), 0);
  EXPECT_EQ(pack_demand(0.9F), 0);
  EXPECT_EQ(pack_demand(std::nanf("")), 0);
  EXPECT_EQ(pack_demand(INFINITY), 255);
  EXPECT_EQ(unpack_demand(0), 0);
  for (float demand = 1; demand < 3e9F; demand *= 1.01F)
    EXPECT_NEAR(unpack_demand(pack_demand(demand)) / demand, 1, 0.0626) << demand;
  for (int code = 1; code < 256; ++code)
    EXPECT_EQ(pack_demand(unpack_demand(static_cast<std::uint8_t>(code))), code);
}

TEST(RegionStatistics, AnAverageBeginsAsThePlainMean) {
  RegionStatistics statistics;
  double sum = 0;
  for (std::uint32_t t = 0; t < 5; ++t) {
    sum += t;
    statistics.observe(snapshot_of(Samples{static_cast<double>(t)}, t, t));
    // 0.4 weighs more than one of three; 0.005 nothing but the mean.
    EXPECT_NEAR(statistics.average(4)[0], kFixtureWeight * sum / (t + 1), 0.01);
  }
  // One of two, then 0.4 of each: 0.5, 1.1, 1.86.
  const double fourth = 1.86 * kFixtureWeight;
  EXPECT_NEAR(statistics.average(0)[0], fourth + 0.4 * (4 * kFixtureWeight - fourth), 0.01);
}

TEST(RegionStatistics, AbsenceIsSilenceAndCostsNothing) {
  RegionStatistics there, silent;
  for (std::uint64_t t = 1; t <= 60; ++t) {
    there.observe(snapshot_of(Samples{5, 2}, t));
    silent.observe(snapshot_of(Samples{5, 2}, t));
  }
  const std::size_t both = there.size();
  for (std::uint64_t t = 61; t <= 80; ++t) {
    there.observe(snapshot_of(Samples{-1, 2}, t));
    silent.observe(snapshot_of(Samples{0, 2}, t));
    EXPECT_EQ(there.size(), both - 1) << "no row, so no work";
  }
  there.observe(snapshot_of(Samples{1, 2}, 81)), silent.observe(snapshot_of(Samples{1, 2}, 81));
  for (std::size_t k = 0; k < kAverageRates.size(); ++k)
    EXPECT_NEAR(there.average(k)[0], silent.average(k)[0], 1e-4 * silent.average(k)[0] + 1e-3) << k;
  EXPECT_NEAR(there.touched()[0], silent.touched()[0], 1e-5);
  for (std::size_t back = 0; back < 81; ++back) EXPECT_EQ(there.past(0, back), silent.past(0, back)) << back;
}

TEST(RegionStatistics, RegionsGoneForLongAreForgotten) {
  RegionStatistics statistics;
  std::size_t most = 0;
  for (std::uint64_t t = 1; t < 3000; ++t) {
    RegionSnapshot snapshot;
    snapshot.sequence = t;
    Region region;
    region.key = {{1}, t << 21};
    region.range = {t << 21, (t + 1) << 21};
    snapshot.regions.push_back(region);
    statistics.observe(snapshot);
    if (t == 1000) most = statistics.bytes_used();
  }
  EXPECT_LE(statistics.bytes_used(), 2 * most);
}

TEST(RegionStatistics, NeighboursAreOfOneTargetWithoutAGap) {
  RegionSnapshot snapshot;
  add_regions(snapshot, 1, Samples{1, 1, -1, 1});
  add_regions(snapshot, 2, Samples{-1, -1, -1, -1, 1, 1});
  RegionStatistics statistics;
  statistics.observe(snapshot);
  EXPECT_EQ(std::vector<float>(statistics.adjacent().begin(), statistics.adjacent().end()),
            (std::vector<float>{1, 0, 0, 1, 0}));
  ASSERT_EQ(statistics.groups().size(), 2U);
  EXPECT_EQ(statistics.groups()[1].first, 3U);
  EXPECT_EQ(statistics.groups()[1].count, 2U);
}

}  // namespace
}  // namespace tier
