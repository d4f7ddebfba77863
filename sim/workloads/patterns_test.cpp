// What each generator's demand looks like.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "sim/workloads/workload_reading.h"

namespace tier::sim {
namespace {

// 512 regions.
constexpr const char* kSize = ":footprint=1GiB,length=300s";

// Regions with more than `factor` times the mean demand.
std::set<std::uint32_t> hot_regions(const ReadWorkload& workload, std::size_t interval, double factor = 2,
                                    int stream = -1) {
  const auto demand = misses(workload, workload.intervals.at(interval), stream);
  const double mean = sum(demand) / static_cast<double>(demand.size());
  std::set<std::uint32_t> hot;
  for (std::uint32_t r = 0; r < demand.size(); ++r)
    if (demand[r] > factor * mean) hot.insert(r);
  return hot;
}

std::size_t common(const std::set<std::uint32_t>& a, const std::set<std::uint32_t>& b) {
  return static_cast<std::size_t>(
      std::count_if(a.begin(), a.end(), [&](std::uint32_t r) { return b.contains(r); }));
}

TEST(Gups, SendsTheAskedShareToTheHotSetAndStandsStill) {
  const auto workload = read(std::string("gups") + kSize + ",hot=0.125,heat=0.9,at=0.5");
  const auto demand = misses(workload, workload.intervals.front());
  EXPECT_NEAR(sum(demand, 256, 64) / sum(demand), 0.9, 1e-5);
  EXPECT_NEAR(demand[0], sum(demand) * 0.1 / 448, demand[0] * 1e-4);
  for (const Interval& interval : workload.intervals)
    EXPECT_EQ(interval.demand, workload.intervals.front().demand);
}

TEST(Gups, WrapsAHotSetThatDoesNotFitBehindItsStart) {
  const auto workload = read(std::string("gups") + kSize + ",hot=0.25,at=0.9");
  const auto hot = hot_regions(workload, 0);
  EXPECT_EQ(hot.size(), 128U);
  EXPECT_TRUE(hot.contains(0) && hot.contains(511) && !hot.contains(256));
}

TEST(GupsMoving, MovesAllOfTheHotSetEveryPeriodAndNeverBetween) {
  const auto workload = read(std::string("gups-moving") + kSize + ",hot=0.1,period=20s");
  for (std::size_t i = 1; i < workload.intervals.size(); ++i) {
    const auto before = hot_regions(workload, i - 1), now = hot_regions(workload, i);
    EXPECT_EQ(now.size(), 51U);
    if (i % 20 == 0)
      EXPECT_EQ(common(before, now), 0U) << i;
    else
      EXPECT_EQ(workload.intervals[i].demand, workload.intervals[i - 1].demand) << i;
  }
}

TEST(GupsMoving, SlidesByItsShift) {
  const auto workload = read(std::string("gups-moving") + kSize + ",hot=0.25,period=10s,shift=0.25");
  for (std::size_t i = 10; i < workload.intervals.size(); i += 10)
    EXPECT_EQ(common(hot_regions(workload, i - 1), hot_regions(workload, i)), 96U) << i;
}

TEST(GupsScattered, HasItsHotRegionsAllOver) {
  const auto workload = read(std::string("gups-scattered") + kSize + ",hot=0.125,heat=0.9");
  const auto hot = hot_regions(workload, 0);
  ASSERT_EQ(hot.size(), 64U);
  std::size_t pieces = 0;
  for (const std::uint32_t r : hot) pieces += hot.contains(r + 1) ? 0U : 1U;
  EXPECT_GT(pieces, 40U);  // of 56 expected
  const auto demand = misses(workload, workload.intervals.front());
  double heat = 0;
  for (const std::uint32_t r : hot) heat += demand[r];
  EXPECT_NEAR(heat / sum(demand), 0.9, 1e-5);
  EXPECT_EQ(workload.intervals.front().demand, workload.intervals.back().demand);
}

TEST(GupsScattered, ReplacesItsShareEveryPeriod) {
  const auto workload = read(std::string("gups-scattered") + kSize + ",hot=0.125,period=30s,shift=0.25");
  for (std::size_t i = 30; i < workload.intervals.size(); i += 30)
    EXPECT_EQ(common(hot_regions(workload, i - 1), hot_regions(workload, i)), 48U) << i;
  // All have been replaced twice over; some come back by chance, an eighth of them or so.
  EXPECT_LT(common(hot_regions(workload, 0), hot_regions(workload, 299)), 20U);
}

TEST(Zipf, HasZipfianPopularityThatDriftsAndStaysTheSameAsAWhole) {
  const auto workload = read(std::string("zipf") + kSize + ",skew=1,index=0.02,period=10s,drift=0.1");
  auto first = misses(workload, workload.intervals.front(), 1);
  auto last = misses(workload, workload.intervals.back(), 1);
  EXPECT_NE(first, last);
  std::sort(first.rbegin(), first.rend());
  std::sort(last.rbegin(), last.rend());
  EXPECT_EQ(first, last);
  EXPECT_NEAR(first[0] / first[1], 2, 1e-3);
  EXPECT_NEAR(first[0] / first[99], 100, 0.1);
  EXPECT_EQ(std::count(first.begin(), first.end(), 0.0), 10);  // the index
}

TEST(Zipf, DriftsABitAtATime) {
  const auto workload = read(std::string("zipf") + kSize + ",period=10s,drift=0.1");
  for (std::size_t i = 1; i < 100; ++i) {
    if (i % 10 != 0) {
      EXPECT_EQ(workload.intervals[i].demand, workload.intervals[i - 1].demand);
      continue;
    }
    const auto before = misses(workload, workload.intervals[i - 1], 1);
    const auto now = misses(workload, workload.intervals[i], 1);
    std::size_t changed = 0;
    for (std::size_t r = 0; r < now.size(); ++r) changed += now[r] == before[r] ? 0U : 1U;
    EXPECT_GT(changed, 25U);
    EXPECT_LE(changed, 52U);
  }
}

TEST(Stencil, ReadsOneArrayWritesTheNextAndGoesOn) {
  const auto workload = read(std::string("stencil") + kSize + ",arrays=4,period=20s");
  for (std::size_t i = 0; i < workload.intervals.size(); ++i) {
    const std::size_t source = i / 20 % 4, target = (source + 1) % 4;
    const auto reads = misses(workload, workload.intervals[i], 0);
    const auto writes = misses(workload, workload.intervals[i], 1);
    EXPECT_NEAR(sum(reads, source * 128, 128), sum(reads), sum(reads) * 1e-6) << i;
    EXPECT_NEAR(sum(writes, target * 128, 128), sum(writes), sum(writes) * 1e-6) << i;
    EXPECT_NEAR(sum(reads), sum(writes), sum(reads) * 1e-4);
  }
  EXPECT_EQ(workload.intervals[5].demand, workload.intervals[6].demand);  // sweeps several times a second
}

TEST(Stencil, SweepsALargeArrayLineByLine) {
  // Slower than one sweep an interval: each line once per sweep, in order.
  const auto workload = read("stencil:footprint=16GiB,arrays=2,length=6s,interval=10ms,threads=1,period=1h");
  std::vector<double> lines(workload.info.regions);
  double total = 0;
  for (const Interval& interval : workload.intervals) {
    const auto reads = misses(workload, interval, 0);
    for (std::size_t r = 0; r < reads.size(); ++r) lines[r] += reads[r];
    total += sum(reads);
    if (total > 4096 * 32768.0) break;
  }
  const double sweeps = total / (4096 * 32768.0);
  ASSERT_GT(sweeps, 1);
  ASSERT_LT(sweeps, 1.05);
  for (std::size_t r = 400; r < 4095; ++r) ASSERT_NEAR(lines[r], 32768, 40) << r;
}

TEST(Phases, ComeRoundAgainWithTheirOwnHotSets) {
  const auto workload = read(std::string("phases") + kSize + ",phases=4,period=20s,jitter=0,hot=0.1");
  for (std::size_t i = 0; i + 80 < workload.intervals.size(); i += 20) {
    const auto now = hot_regions(workload, i);
    EXPECT_EQ(now.size(), 51U);
    EXPECT_EQ(now, hot_regions(workload, i + 19));
    EXPECT_EQ(common(now, hot_regions(workload, i + 20)), 0U);
    EXPECT_EQ(common(now, hot_regions(workload, i + 40)), 0U);
    EXPECT_EQ(now, hot_regions(workload, i + 80));
  }
}

TEST(Phases, AreOfIrregularLength) {
  const auto workload = read(std::string("phases") + kSize + ",period=20s,jitter=0.5");
  std::vector<std::size_t> lengths;
  std::size_t begin = 0;
  for (std::size_t i = 1; i < workload.intervals.size(); ++i) {
    if (workload.intervals[i].demand == workload.intervals[i - 1].demand) continue;
    lengths.push_back(i - begin);
    begin = i;
  }
  EXPECT_NEAR(static_cast<double>(lengths.size()), 15, 4);
  EXPECT_GE(*std::min_element(lengths.begin(), lengths.end()), 10U);
  EXPECT_LE(*std::max_element(lengths.begin(), lengths.end()), 31U);
  EXPECT_GT(std::set<std::size_t>(lengths.begin(), lengths.end()).size(), 3U);
}

TEST(Scan, ReadsEverythingColdOnceAndLeavesTheHotSetAlone) {
  const auto workload = read("scan:footprint=4GiB,length=60s,hot=0.25,every=60s,rate=256MiB/s");
  std::vector<double> scanned(workload.info.regions);
  std::size_t busy = 0;
  for (const Interval& interval : workload.intervals) {
    const auto lines = misses(workload, interval, 1);
    for (std::size_t r = 0; r < lines.size(); ++r) scanned[r] += lines[r];
    busy += sum(lines) > 0 ? 1U : 0U;
    EXPECT_NEAR(sum(misses(workload, interval, 0), 1536) / sum(misses(workload, interval, 0)), 0.95, 1e-4);
  }
  EXPECT_EQ(busy, 12U);  // 3 GiB at 256 MiB/s
  for (std::size_t r = 0; r < 1536; ++r) ASSERT_NEAR(scanned[r], 32768, 1) << r;
  EXPECT_EQ(sum(scanned, 1536), 0);
}

TEST(Chase, WaitsForTheChainAndMissesInTheStream) {
  const auto workload = read(std::string("chase") + kSize + ",chain=0.25");
  const Interval& interval = workload.intervals.front();
  const double chain = sum(misses(workload, interval, 0)), stream = sum(misses(workload, interval, 1));
  EXPECT_GT(stream, 4 * chain);
  EXPECT_GT(chain * 100e-9, 10 * stream * 0.1 * 100e-9 / 10);
  EXPECT_NEAR(sum(misses(workload, interval, 0), 384), chain, chain * 1e-6);
  EXPECT_NEAR(stream * 64, 16.0 * (1 << 30), 1e6);
  EXPECT_EQ(workload.info.streams.at(0).parallelism, 1);
}

TEST(Generational, AllocatesUsesAndReleasesCohortsMostOfThemYoung) {
  const auto workload = read("generational:footprint=1GiB,length=1h,cohorts=40,every=5s,use=12s");
  std::vector<double> born(workload.info.regions, -1);
  std::vector<double> lives;
  for (std::size_t i = 0; i < workload.intervals.size(); ++i) {
    for (const RegionEvent& event : workload.intervals[i].events) {
      if (event.change == RegionChange::kAllocate)
        born[event.first] = static_cast<double>(i);
      else
        lives.push_back(static_cast<double>(i) - born[event.first]);
    }
    // Only what is young is used much.
    const auto demand = misses(workload, workload.intervals[i]);
    const double most = *std::max_element(demand.begin(), demand.end());
    for (std::size_t r = 0; r < demand.size(); ++r)
      if (born[r] >= 0 && static_cast<double>(i) - born[r] >= 12 && most > 10 * demand[0]) {
        ASSERT_LT(demand[r], most / 10) << i << " " << r;
      }
  }
  ASSERT_GT(lives.size(), 300U);
  const auto young = std::count_if(lives.begin(), lives.end(), [](double life) { return life < 60; });
  EXPECT_NEAR(static_cast<double>(young) / static_cast<double>(lives.size()), 0.8, 0.1);
  EXPECT_GT(*std::max_element(lives.begin(), lives.end()), 200);
}

TEST(Bursts, AreShortAtIrregularTimesWithScratchMemory) {
  const auto workload = read("bursts:footprint=1GiB,length=1h,gap=20s,burst=3s,spike=0.9,intensity=0.3");
  std::vector<std::size_t> starts, lengths;
  for (std::size_t i = 0; i < workload.intervals.size(); ++i) {
    const Interval& interval = workload.intervals[i];
    for (const RegionEvent& event : interval.events) {
      if (i == 0) continue;
      if (event.change == RegionChange::kAllocate)
        starts.push_back(i);
      else
        lengths.push_back(i - starts.back());
    }
    const bool bursting = starts.size() > lengths.size();
    EXPECT_NEAR(1 - interval.compute[0] / 8, bursting ? 0.9 : 0.3, 1e-4) << i;
  }
  EXPECT_NEAR(static_cast<double>(starts.size()), 3600 / 23.5, 35);
  EXPECT_EQ(std::set<std::size_t>(lengths.begin(), lengths.end()), std::set<std::size_t>{3});
  std::set<std::size_t> gaps;
  for (std::size_t i = 1; i < starts.size(); ++i) gaps.insert(starts[i] - starts[i - 1]);
  EXPECT_GT(gaps.size(), 20U);
}

// The part in use at each second; -1: all.
std::vector<int> parts_in_use(const ReadWorkload& workload, std::size_t parts) {
  std::vector<int> result;
  const std::size_t size = workload.info.regions / parts;
  for (const Interval& interval : workload.intervals) {
    const auto demand = misses(workload, interval);
    int used = -1;
    for (std::size_t p = 0; p < parts; ++p)
      if (sum(demand, p * size, size) > 0.999 * sum(demand)) used = static_cast<int>(p);
    result.push_back(used);
  }
  return result;
}

TEST(Zigzag, GoesToAndFroAfterTheFirstTenSeconds) {
  const auto parts = parts_in_use(read("zigzag:footprint=1GiB,length=100s"), 2);
  for (std::size_t i = 0; i < parts.size(); ++i)
    EXPECT_EQ(parts[i], i < 10 ? -1 : static_cast<int>((i - 10) / 5 % 2)) << i;
}

TEST(Stairs, ClimbsThroughTenParts) {
  const auto parts = parts_in_use(read("stairs:footprint=1GiB,length=100s"), 10);
  for (std::size_t i = 0; i < parts.size(); ++i)
    EXPECT_EQ(parts[i], i < 10 ? -1 : static_cast<int>((i - 10) / 5 % 10)) << i;
}

TEST(Training, GoesForwardsThenBackwardsThroughTheLayers) {
  // 512 regions: 154 of data, 128 of embedding, 153 of layers, 77 of the optimiser.
  const auto workload = read("training:footprint=1GiB,length=60s,interval=100ms,step=10s");
  const auto place = [&](std::size_t interval) {
    const auto demand = misses(workload, workload.intervals.at(interval), 1);
    double weighted = 0;
    for (std::size_t r = 0; r < demand.size(); ++r) weighted += static_cast<double>(r) * demand[r];
    return (weighted / sum(demand) - 282) / 153;  // as a share of the layers
  };
  for (const std::size_t step : {0U, 100U, 200U}) {
    EXPECT_NEAR(place(step), 0, 0.05);
    EXPECT_NEAR(place(step + 15), 0.5, 0.05);
    EXPECT_NEAR(place(step + 29), 1, 0.05);
    EXPECT_NEAR(place(step + 45), 0.75, 0.05);
    EXPECT_NEAR(place(step + 75), 0.25, 0.05);
    EXPECT_GT(place(step + 95), 1);  // the optimiser
  }
}

TEST(Training, ReadsItsDataOnceAnEpoch) {
  const auto workload = read("training:footprint=1GiB,length=120s,epoch=60s");
  std::vector<double> lines(workload.info.regions);
  for (const Interval& interval : workload.intervals) {
    const auto data = misses(workload, interval, 2);
    for (std::size_t r = 0; r < data.size(); ++r) lines[r] += data[r];
  }
  for (std::size_t r = 0; r < 154; ++r) EXPECT_NEAR(lines[r], 2 * 32768, 2) << r;
  EXPECT_EQ(sum(lines, 154), 0);
}

}  // namespace
}  // namespace tier::sim
