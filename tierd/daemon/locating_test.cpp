// Regions whose pages NUMA balancing has marked are not forgotten, and are found where that is possible.
#include "tierd/daemon/locating.h"

#include "migrator/page_finder.h"
#include "tierd/daemon/engine_fixture.h"

namespace tier {
namespace {

constexpr Pid kJob{42};

FakeSpec machine_of_small_pages() {
  FakeSpec spec = two_tier_machine();
  spec.processes[0].mappings[0].huge = false;
  return spec;
}

class LocatingTest : public testing::Test {
 protected:
  LocateRequest request(int region) const {
    const Address start = kBase + static_cast<Address>(region) * kRegion;
    return {{TargetId{1}, start}, kJob, {start, start + kRegion}};
  }
  Residency locate(const PageLocator& locator) { return locate_region(request(0), locator, 4_KiB); }

  FakeMachine machine_{machine_of_small_pages()};
  ManualClock clock_;
};

TEST_F(LocatingTest, TwoReadsTellTheNodeOfAMarkedRegion) {
  machine_.mark(kJob, request(0).range);
  EXPECT_EQ(locate(machine_).resident, Bytes{0}) << "what the kernel says";
  const PageFinder finder(machine_, &machine_, clock_, {.reads_per_call = 2});
  const Residency found = locate(finder);
  EXPECT_EQ(found.node, NodeId{1});
  EXPECT_EQ(found.resident, Bytes{kRegion});
  EXPECT_EQ(machine_.marked_reads(), 2u);
}

TEST_F(LocatingTest, WithoutTheRightToReadItIsResidentAndItsNodeNotKnown) {
  machine_.mark(kJob, request(0).range);
  machine_.forbid_reads(kJob, true);
  const PageFinder finder(machine_, &machine_, clock_);
  const Residency found = locate(finder);
  EXPECT_EQ(found.node.value, -1);
  EXPECT_EQ(found.resident, Bytes{kRegion});
}

TEST_F(LocatingTest, AVisiblePageTellsTheNodeOfTheOthers) {
  machine_.mark(kJob, {kBase + 4096, kBase + kRegion});
  machine_.forbid_reads(kJob, true);
  const PageFinder finder(machine_, &machine_, clock_);
  EXPECT_EQ(locate(finder).node, NodeId{1});
}

class MarkedEngineTest : public EngineTest {
 protected:
  MarkedEngineTest() : EngineTest(machine_of_small_pages()) {}
};

TEST_F(MarkedEngineTest, ARegionThatWasKnownKeepsItsNodeWhileItIsMarked) {
  Tracker tracker;
  Target target;
  target.id = TargetId{1};
  target.pid = kJob;
  Mapping mapping;
  mapping.range = {kBase, kBase + kRegion};
  mapping.readable = mapping.writable = true;
  tracker.set_target(target, {&mapping, 1});
  const RegionKey key{target.id, kBase};
  tracker.set_residency(key, {NodeId{1}, Bytes{kRegion}});
  tracker.set_residency(key, {NodeId{-1}, Bytes{kRegion}});
  ASSERT_TRUE(tracker.region(key));
  EXPECT_EQ(tracker.region(key)->node, NodeId{1});
  EXPECT_EQ(tracker.region(key)->resident, Bytes{kRegion});
  tracker.set_residency(key, {NodeId{-1}, Bytes{0}});
  EXPECT_FALSE(tracker.region(key)) << "it is gone";
}

TEST_F(MarkedEngineTest, ARegionMarkedFromTheStartIsKnownWithoutItsNode) {
  machine_.mark(kJob, {kBase, kBase + kRegions * kRegion});
  machine_.forbid_reads(kJob, true);
  const PageFinder finder(machine_, &machine_, clock_);
  Tracker tracker;
  Target target;
  target.id = TargetId{1};
  target.pid = kJob;
  const auto mappings = machine_.mappings(kJob);
  ASSERT_TRUE(mappings);
  tracker.set_target(target, *mappings);
  for (const auto& request : tracker.regions_to_locate(8))
    tracker.set_residency(request.key, locate_region(request, finder, 4_KiB));
  EXPECT_EQ(tracker.regions_known(), 8u);
  EXPECT_EQ(tracker.region({target.id, kBase})->node.value, -1);
}

}  // namespace
}  // namespace tier
