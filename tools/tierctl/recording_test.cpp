// Snapshots in, a trace file out; no daemon.
#include "tools/tierctl/recording.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace tier {
namespace {

using sim::RegionChange;
using sim::RegionDemand;
using sim::RegionEvent;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::uint64_t kRegion = 2ULL << 20;
constexpr Address kHeap = 0x7f0000000000;

Address region(std::uint64_t i) { return kHeap + i * kRegion; }

SnapshotView tick(std::uint64_t number, std::vector<SnapshotTargetView> targets) {
  SnapshotView view;
  view.tick = number;
  view.interval_ns = 1'000'000'000;
  view.region_size_bytes = kRegion;
  view.has_stall = true;
  view.sources = {"stall-tick", "faults"};
  view.targets = std::move(targets);
  return view;
}

SnapshotTargetView target(std::uint64_t id, std::vector<SnapshotRegionView> regions,
                          std::optional<std::vector<HeldView>> held = {}) {
  return {id, static_cast<std::int32_t>(4000 + id), 0, "job", std::move(regions), std::move(held)};
}

class RecordingTest : public testing::Test {
 protected:
  RecordingTest() {
    std::filesystem::create_directories(folder_);
    RecordingStart start;
    start.file = file_;
    start.interval = std::chrono::seconds(1);
    start.machine = {{"tiers", 2}};
    start.provenance = {{"recorder", "test"}};
    recording_.emplace(std::move(start));
  }
  ~RecordingTest() override { std::filesystem::remove_all(folder_); }

  void add(const SnapshotView& view) {
    const auto done = recording_->add(view);
    ASSERT_TRUE(done) << done.error().text();
  }

  std::vector<sim::Interval> finish() {
    const auto done = recording_->finish();
    EXPECT_TRUE(done) << done.error().text();
    auto reader = sim::open_trace(file_);
    EXPECT_TRUE(reader) << reader.error().text();
    header_ = (*reader)->header();
    std::vector<sim::Interval> intervals;
    for (;;) {
      auto next = (*reader)->next();
      EXPECT_TRUE(next) << next.error().text();
      if (!next || !*next) return intervals;
      intervals.push_back(std::move(**next));
    }
  }

  std::filesystem::path folder_ = std::filesystem::path(testing::TempDir()) /
                                  ("tier-recording-" + std::to_string(std::random_device{}()));
  std::filesystem::path file_ = folder_ / "a.trace";
  std::optional<Recording> recording_;
  sim::TraceHeader header_;
};

TEST_F(RecordingTest, ATickBecomesAnInterval) {
  add(tick(7, {target(1, {{region(1), 1000, 0.25, 0.25, "huge"}}, {{{region(0), 3, "huge"}}})}));
  const auto intervals = finish();
  ASSERT_EQ(intervals.size(), 1U);
  EXPECT_EQ(intervals[0].duration, std::chrono::seconds(1));
  EXPECT_THAT(intervals[0].compute, ElementsAre(0.75));
  EXPECT_THAT(intervals[0].events,
              ElementsAre(RegionEvent{RegionChange::kAllocate, 0, 0, 3, region(0), PageKind::kHuge}));
  EXPECT_THAT(intervals[0].demand->streams, ElementsAre(ElementsAre(RegionDemand{1, 750, 250, 0.25F})));

  EXPECT_EQ(header_.workload.region_size, Bytes{kRegion});
  EXPECT_EQ(header_.workload.regions, 3U);
  ASSERT_EQ(header_.workload.targets.size(), 1U);
  EXPECT_EQ(header_.workload.targets[0].name, "job (4001)");
  ASSERT_EQ(header_.workload.streams.size(), 1U);
  EXPECT_EQ(header_.workload.streams[0].parallelism, 1);
  EXPECT_EQ(header_.workload.streams[0].prefetchable, 0);
  EXPECT_FALSE(header_.exact);
  EXPECT_TRUE(header_.has_stall);
  EXPECT_EQ(header_.machine, (nlohmann::json{{"tiers", 2}}));
  EXPECT_EQ(header_.provenance.at("sources"), "stall-tick faults");
  EXPECT_EQ(header_.provenance.at("recorder"), "test");
}

TEST_F(RecordingTest, RegionsGetTheirNumberAtFirstSight) {
  add(tick(1, {target(1, {{region(5), 10, 0, 0, "small"}, {region(6), 20, 0, 0, "small"}})}));
  add(tick(2, {target(1, {{region(2), 30, 0, 0, "huge"}, {region(6), 20, 0, 0, "small"}})}));
  const auto intervals = finish();
  ASSERT_EQ(intervals.size(), 2U);
  EXPECT_THAT(intervals[0].events,
              ElementsAre(RegionEvent{RegionChange::kAllocate, 0, 0, 2, region(5), PageKind::kSmall}));
  EXPECT_THAT(intervals[1].events,
              ElementsAre(RegionEvent{RegionChange::kAllocate, 0, 2, 1, region(2), PageKind::kHuge}));
  EXPECT_THAT(intervals[1].demand->streams[0],
              ElementsAre(RegionDemand{1, 20, 0, 0}, RegionDemand{2, 30, 0, 0}))
      << "by number, not by address";
}

TEST_F(RecordingTest, OneEventIsOfOneKindOfPages) {
  add(tick(1, {target(1, {}, {{{region(0), 2, "huge"}, {region(2), 1, "small"}, {region(9), 1, "small"}}})}));
  EXPECT_THAT(finish()[0].events,
              ElementsAre(RegionEvent{RegionChange::kAllocate, 0, 0, 2, region(0), PageKind::kHuge},
                          RegionEvent{RegionChange::kAllocate, 0, 2, 1, region(2), PageKind::kSmall},
                          RegionEvent{RegionChange::kAllocate, 0, 3, 1, region(9), PageKind::kSmall}));
}

TEST_F(RecordingTest, WhatIsNoLongerHeldIsReleasedAndMayComeBack) {
  const SnapshotRegionView hot{region(0), 1, 0, 0, "huge"};
  add(tick(1, {target(1, {hot}, {{{region(0), 4, "huge"}}})}));
  add(tick(2, {target(1, {hot})}));  // not told: nothing follows
  add(tick(3, {target(1, {hot, {region(3), 1, 0, 0, "huge"}}, std::vector<HeldView>{})}));
  add(tick(4, {target(1, {hot}, {{{region(0), 2, "huge"}}})}));
  const auto intervals = finish();
  ASSERT_EQ(intervals.size(), 4U);
  EXPECT_THAT(intervals[1].events, IsEmpty());
  EXPECT_THAT(intervals[2].events,
              ElementsAre(RegionEvent{RegionChange::kRelease, 0, 1, 2, region(1), PageKind::kUnknown}))
      << "demand shows that it is held, whatever the list says";
  EXPECT_THAT(intervals[3].events,
              ElementsAre(RegionEvent{RegionChange::kRelease, 0, 3, 1, region(3), PageKind::kUnknown},
                          RegionEvent{RegionChange::kAllocate, 0, 1, 1, region(1), PageKind::kHuge}))
      << "under its old number";
  EXPECT_EQ(header_.workload.regions, 4U);
}

TEST_F(RecordingTest, AProcessThatEndsReleasesAllAndItsPidMayBeUsedAgain) {
  add(tick(1, {target(1, {{region(0), 1, 0.5, 0, ""}}), target(2, {}, {{{region(0), 2, "small"}}})}));
  SnapshotTargetView heir = target(3, {{region(0), 2, 0, 0, ""}});
  heir.pid = 4002;
  add(tick(2, {target(1, {}), heir}));
  const auto intervals = finish();
  ASSERT_EQ(intervals.size(), 2U);
  EXPECT_THAT(intervals[1].events,
              ElementsAre(RegionEvent{RegionChange::kRelease, 1, 1, 2, region(0), PageKind::kUnknown},
                          RegionEvent{RegionChange::kAllocate, 2, 3, 1, region(0), PageKind::kUnknown}));
  EXPECT_THAT(intervals[0].compute, ElementsAre(0.5, 1, 0)) << "the third is not there yet";
  EXPECT_THAT(intervals[1].compute, ElementsAre(1, 0, 1)) << "the second has ended";
  EXPECT_THAT(intervals[1].demand->streams,
              ElementsAre(IsEmpty(), IsEmpty(), ElementsAre(RegionDemand{3, 2, 0, 0})));
}

TEST_F(RecordingTest, ComputationIsNeverNegative) {
  add(tick(1, {target(1, {{region(0), 1, 0.7, 0, ""}, {region(1), 1, 0.6, 0, ""}})}));
  EXPECT_THAT(finish()[0].compute, ElementsAre(0));
}

TEST_F(RecordingTest, CountedAccessesAreNoStall) {
  SnapshotView view = tick(1, {target(1, {{region(0), 100, 0.25, 0, ""}})});
  view.has_stall = false;
  add(view);
  const auto intervals = finish();
  EXPECT_FALSE(header_.has_stall);
  EXPECT_THAT(intervals[0].demand->streams[0], ElementsAre(RegionDemand{0, 100, 0, 0}));
  EXPECT_THAT(intervals[0].compute, ElementsAre(1));
}

TEST_F(RecordingTest, CountsWhatIsMissing) {
  SnapshotView nobody = tick(3, {});
  nobody.hidden = 2;
  add(nobody);
  EXPECT_EQ(recording_->totals().ticks, 0U) << "before the first process there is nothing to record";
  add(tick(4, {target(1, {{region(0), 1, 0, 0, ""}})}));
  SnapshotView late = tick(8, {target(1, {})});
  late.omitted = 5;
  add(late);
  EXPECT_EQ(finish().size(), 2U);
  EXPECT_EQ(recording_->totals().ticks, 2U);
  EXPECT_EQ(recording_->totals().length, std::chrono::seconds(2));
  EXPECT_EQ(recording_->totals().lost_ticks, 3U);
  EXPECT_EQ(recording_->totals().omitted_regions, 5U);
  EXPECT_EQ(recording_->totals().hidden, 2U);
  EXPECT_EQ(recording_->totals().regions, 1U);
  EXPECT_EQ(recording_->totals().targets, 1U);
}

TEST_F(RecordingTest, NothingRecordedLeavesNoFile) {
  add(tick(1, {}));
  const auto done = recording_->finish();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().text(), HasSubstr("nothing was recorded"));
  recording_.reset();
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(RecordingTest, AnswersThatMakeNoSenseAreRefusedAndTheRestIsKept) {
  add(tick(1, {target(1, {{region(0), 1, 0, 0, ""}})}));
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const SnapshotTargetView senseless[] = {
      target(1, {{region(0) + 1, 1, 0, 0, ""}}),
      target(1, {{region(0), kNan, 0, 0, ""}}),
      target(1, {{region(0), 1, -1, 0, ""}}),
      target(1, {{region(0), 1, 0, 1.5, ""}}),
      target(1, {{region(0), 1e300, 0, 0, ""}}),
      target(1, {{region(0), 1, 0, 0, ""}, {region(0), 1, 0, 0, ""}}),
      target(1, {}, {{{region(0) + 1, 1, ""}}}),
      target(1, {}, {{{region(0), 1ULL << 60, ""}}}),
      target(1, {}, {{{~Address{0} << 21, 2, ""}}}),
  };
  for (const SnapshotTargetView& view : senseless) {
    const auto done = recording_->add(tick(2, {view}));
    ASSERT_FALSE(done) << testing::PrintToString(&view - senseless);
    EXPECT_EQ(done.error().kind, ErrorKind::kFailed);
    EXPECT_THAT(done.error().message, HasSubstr("the daemon's answer cannot be recorded"));
  }
  SnapshotView resized = tick(2, {target(1, {})});
  resized.region_size_bytes = 2 * kRegion;
  EXPECT_FALSE(recording_->add(resized).has_value());
  EXPECT_EQ(finish().size(), 1U);
}

}  // namespace
}  // namespace tier
