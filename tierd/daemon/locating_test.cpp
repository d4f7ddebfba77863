// Where regions lie: those whose pages NUMA balancing has marked are not forgotten, and are found where that
// is possible; places that turn out to be wrong are corrected at once.
#include "tierd/daemon/locating.h"

#include <set>

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

class PlacesTest : public EngineTest {
 protected:
  PlacesTest() : EngineTest(machine_of_small_pages()) {}
  static AddressRange range(int region) {
    const Address start = kBase + static_cast<Address>(region) * kRegion;
    return {start, start + kRegion};
  }
  Region known(int region) const {
    const RegionKey key{engine_->targets().targets().at(0).id, range(region).start};
    return engine_->tracker().region(key).value_or(Region{});
  }
};

TEST_F(PlacesTest, ARegionThatWasLocatedWhileItsProgramFilledItIsCorrectedInTheNextTick) {
  const AddressRange first = range(0);
  machine_.place(kJob, first, -1);
  machine_.use(kJob, {first.start, first.start + kRegion / 8}, 0);
  start({});
  tick({0});
  EXPECT_EQ(known(0).node, NodeId{0});
  machine_.use(kJob, first, 1);  // the fast node has filled up in the meantime
  tick({0});
  EXPECT_EQ(known(0).node, NodeId{1});
  EXPECT_EQ(known(0).resident, Bytes{kRegion});
}

TEST_F(PlacesTest, ADemotionThatFindsItsPagesThereAlreadyIsNotPlannedAgain) {
  constexpr int kFirst = 14;
  for (int i = 0; i < kFirst; ++i) machine_.place(kJob, range(i), 0);
  start(acting());
  tick({0, 1});
  ASSERT_EQ(known(5).node, NodeId{0});
  // The kernel demotes what is not in use, and another program takes the room.
  for (int i = 2; i < kFirst; ++i) machine_.place(kJob, range(i), 1);
  machine_.set_reserved(NodeId{0}, 28_MiB);
  for (int i = 0; i < 10; ++i) tick({0, 1});
  std::set<std::uint64_t> tried;
  for (const Event& event : engine_->events().since(0, 1000)) {
    if (event.kind != "failed") continue;
    EXPECT_TRUE(tried.insert(event.region_start).second) << event.message;
    EXPECT_EQ(known(static_cast<int>((event.region_start - kBase) / kRegion)).node, NodeId{1});
  }
  EXPECT_FALSE(tried.empty());
}

// Fails as a whole where it is told to, as the kernel does without the right to look.
class FailingLocator final : public PageLocator {
 public:
  explicit FailingLocator(const PageLocator& locator) : locator_(locator) {}
  PageCall locate(Pid pid, std::span<const Address> pages) const override {
    return fails ? PageCall{-1, EPERM, {}} : locator_.locate(pid, pages);
  }
  bool fails = false;

 private:
  const PageLocator& locator_;
};

TEST_F(PlacesTest, AQueryThatFailsDoesNotTakeRegionsForGone) {
  FailingLocator locator(machine_);
  locator_ = &locator;
  start({});
  tick({0});
  const auto regions = engine_->tracker().regions_known();
  ASSERT_EQ(regions, static_cast<std::uint64_t>(kRegions));
  locator.fails = true;
  for (int i = 0; i < 40; ++i) tick({0});
  EXPECT_EQ(engine_->tracker().regions_known(), regions);
  EXPECT_EQ(known(0).node, NodeId{1});
  EXPECT_EQ(known(5).resident, Bytes{kRegion});
}

}  // namespace
}  // namespace tier
