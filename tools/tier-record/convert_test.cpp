#include "tools/tier-record/convert.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace tier::record {
namespace {

using namespace std::chrono_literals;
using sim::RegionChange;

constexpr Address kRegion = Address{1} << lab::kRegionShift;

Period period(std::vector<RegionCounts> regions, std::vector<MappingChange> mappings = {}) {
  Period made;
  made.instructions = made.longest = 1'000'000;
  made.regions = std::move(regions);
  made.mappings = std::move(mappings);
  return made;
}

Process program(std::vector<Period> periods) {
  Process made;
  made.pid = 1;
  made.interval = 1'000'000;
  made.periods = std::move(periods);
  return made;
}

Reference reference() {
  Reference made;
  made.instructions_per_second = 1e9;
  made.latency = 100ns;
  made.parallelism = 4;
  made.store_wait = 0.5;
  return made;
}

TEST(Convert, MissesGoToTheirStreamsByRegion) {
  const Trace trace =
      trace_of({program({period({{9, {1, 2, 3, 4}}, {5, {6, 0, 0, 0}}})})}, "demo", reference());
  const sim::WorkloadInfo& info = trace.header.workload;
  EXPECT_TRUE(trace.header.exact);
  EXPECT_EQ(info.name, "demo");
  EXPECT_EQ(info.regions, 2U);
  EXPECT_EQ(info.interval, 1ms);
  ASSERT_EQ(info.streams.size(), 2U);
  EXPECT_EQ(info.streams[0].prefetchable, 0);
  EXPECT_EQ(info.streams[1].prefetchable, kPrefetchable);
  ASSERT_EQ(trace.intervals.size(), 1U);
  const sim::Demand& demand = *trace.intervals[0].demand;
  const std::vector<sim::RegionDemand> random = {{0, 6, 0, 0}, {1, 1, 2, 0}}, sequential = {{1, 3, 4, 0}};
  EXPECT_EQ(demand.streams[0], random) << "index by address, whatever the order in the events";
  EXPECT_EQ(demand.streams[1], sequential);
}

TEST(Convert, AnIntervalLastsForItsComputationAndWhatItWaits) {
  Process process = program({period({{5, {800, 400, 0, 0}}}), period({{5, {0, 0, 8000, 0}}})});
  process.periods[0].windows = 100;
  process.periods[0].window_loads = 800;
  const Trace trace = trace_of({process}, "demo", reference());
  EXPECT_DOUBLE_EQ(trace.intervals[0].compute[0], 0.001);
  // 800 loads and half of 400 stores, 100 ns each, four at a time.
  EXPECT_EQ(trace.intervals[0].duration, 1ms + 25us);
  // A tenth of 8000 sequential ones, 100 ns each, eight at a time.
  EXPECT_EQ(trace.intervals[1].duration, 1ms + 10us);
}

TEST(Convert, MissesFarApartAreNotInFlightTogether) {
  Process process = program({period({{5, {300, 0, 0, 0}}})});
  process.periods[0].windows = 200;
  process.periods[0].window_loads = 300;
  EXPECT_DOUBLE_EQ(trace_of({process}, "demo", reference()).header.workload.streams[0].parallelism, 1.5);
  process.periods[0].windows = 30;
  EXPECT_DOUBLE_EQ(trace_of({process}, "demo", reference()).header.workload.streams[0].parallelism, 4)
      << "no more than its dependences allow";
}

TEST(Convert, ThreadsAreThoseThatRanAtTheSameTime) {
  Process process = program({period({{5, {1, 0, 0, 0}}})});
  process.periods[0].longest = 250'000;
  const Trace trace = trace_of({process}, "demo", reference());
  EXPECT_DOUBLE_EQ(trace.header.workload.targets[0].threads, 4);
  EXPECT_NEAR(seconds(trace.intervals[0].duration), 0.001 / 4, 1e-6);
}

TEST(Convert, RegionsAreAllocatedAtTheirFirstMissAndReleasedWhenUnmapped) {
  const MappingChange gone{false, {6 * kRegion, 8 * kRegion}};
  const Trace trace = trace_of({program({period({{7, {1, 0, 0, 0}}, {5, {1, 0, 0, 0}}}),
                                         period({{6, {1, 0, 0, 0}}}, {gone}), period({{7, {1, 0, 0, 0}}})})},
                               "demo", reference());
  using Events = std::vector<sim::RegionEvent>;
  EXPECT_EQ(trace.intervals[0].events,
            (Events{{RegionChange::kAllocate, 0, 0, 1, 5 * kRegion, PageKind::kUnknown},
                    {RegionChange::kAllocate, 0, 2, 1, 7 * kRegion, PageKind::kUnknown}}));
  EXPECT_EQ(trace.intervals[1].events,
            (Events{{RegionChange::kAllocate, 0, 1, 1, 6 * kRegion, PageKind::kUnknown}}));
  EXPECT_EQ(trace.intervals[2].events,
            (Events{{RegionChange::kRelease, 0, 1, 2, 6 * kRegion, PageKind::kUnknown},
                    {RegionChange::kAllocate, 0, 2, 1, 7 * kRegion, PageKind::kUnknown}}));
}

TEST(Convert, AChildIsATargetOfItsOwnFromItsForkOn) {
  Process child = program({period({{5, {3, 0, 0, 0}}}), period({{5, {4, 0, 0, 0}}})});
  child.pid = 2;
  child.parent = 1;
  child.born = 1;
  const Trace trace = trace_of({program({period({{5, {1, 0, 0, 0}}}), period({{5, {2, 0, 0, 0}}})}), child},
                               "demo", reference());
  const sim::WorkloadInfo& info = trace.header.workload;
  ASSERT_EQ(info.targets.size(), 2U);
  EXPECT_EQ(info.targets[1].name, "demo/1");
  EXPECT_EQ(info.regions, 2U) << "the same address is another region in another process";
  ASSERT_EQ(trace.intervals.size(), 3U);
  EXPECT_TRUE(trace.intervals[0].demand->streams[2].empty());
  EXPECT_EQ(trace.intervals[0].compute, (std::vector<double>{0.001, 0}));
  EXPECT_EQ(trace.intervals[2].compute, (std::vector<double>{0, 0.001}));
  EXPECT_EQ(trace.intervals[2].demand->streams[2], (std::vector<sim::RegionDemand>{{1, 4, 0, 0}}));
}

TEST(Convert, WhatIsWrittenIsReadAgain) {
  const std::string path = ::testing::TempDir() + "convert-" + std::to_string(getpid()) + ".trace";
  Process process = program({});
  for (std::uint32_t i = 0; i < 40; ++i)
    process.periods.push_back(period({{5, {i, 1, 0, 0}}, {6 + i % 3, {2, 0, i, 1}}},
                                     {{false, {(6 + i % 3) * kRegion, (7 + i % 3) * kRegion}}}));
  const Trace trace = trace_of({process}, "demo", reference());
  const Result<void> written = write_trace(trace, path);
  ASSERT_TRUE(written) << written.error().text();
  auto reader = sim::open_trace(path);
  ASSERT_TRUE(reader) << reader.error().text();
  EXPECT_TRUE((*reader)->header().exact);
  for (const sim::Interval& expected : trace.intervals) {
    const auto read = (*reader)->next();
    ASSERT_TRUE(read && *read);
    EXPECT_EQ((*read)->duration, expected.duration);
    EXPECT_EQ((*read)->events, expected.events);
    EXPECT_EQ(*(*read)->demand, *expected.demand);
  }
  EXPECT_FALSE((*reader)->next()->has_value());
  std::filesystem::remove(path);
  const Summary summary = summary_of(trace);
  EXPECT_EQ(summary.intervals, 40U);
  EXPECT_EQ(summary.regions, 4U);
  EXPECT_DOUBLE_EQ(summary.misses, 2 * 780 + 40 * 4);
  EXPECT_DOUBLE_EQ(summary.sequential, 780 + 40);
  EXPECT_DOUBLE_EQ(summary.stores, 80);
}

}  // namespace
}  // namespace tier::record
