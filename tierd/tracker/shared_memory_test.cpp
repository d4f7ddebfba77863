// Memory that several targets map is one thing: one object, counted once, with one set of regions.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "core/object_id.h"
#include "tierd/tracker/tracker.h"

namespace tier {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kRegion = kDefaultRegionSize.value;
constexpr std::uint64_t kPage = 4096;
constexpr MemoryObject kBuffers{1, 77}, kLibrary{0x800000001, 5};
constexpr Address kHeap = 0x10000000;

Mapping heap(Address start, std::uint64_t size) {
  Mapping m;
  m.range = {start, start + size};
  m.readable = m.writable = true;
  return m;
}

Mapping shows(const MemoryObject& object, Address start, std::uint64_t size, std::uint64_t offset = 0) {
  Mapping m = heap(start, size);
  m.shared = true;
  m.backing = Backing::kShared;
  m.name = "/dev/zero (deleted)";
  m.object = object;
  m.offset = offset;
  return m;
}

AccessSample sample(std::uint32_t id, Address address) {
  AccessSample s;
  s.target = {id};
  s.address = address;
  s.meaning = WeightMeaning::kAccesses;
  s.weight = 1;
  return s;
}

class SharedMemory : public testing::Test {
 protected:
  SharedMemory() {
    system_.nodes = {{{0}, 100ns, 1_GiB, 1_GiB, true}, {{1}, 300ns, 1_GiB, 1_GiB, true}};
    TierTopology topology;
    topology.tiers = {{0, {NodeId{0}}, 100ns}, {1, {NodeId{1}}, 300ns}};
    tracker_.set_topology(topology);
  }
  void set(std::uint32_t id, std::vector<Mapping> mappings, std::vector<NodeId> allowed = {{0}, {1}}) {
    Target t;
    t.id = {id};
    t.pid = {static_cast<std::int32_t>(1000 + id)};
    t.start_time = id;
    t.name = "job" + std::to_string(id);
    t.cgroup = "/" + t.name;
    t.resident = 4_GiB;
    t.allowed_nodes = std::move(allowed);
    std::sort(mappings.begin(), mappings.end(),
              [](const Mapping& a, const Mapping& b) { return a.range.start < b.range.start; });
    tracker_.set_target(t, mappings);
  }
  RegionSnapshot close() {
    ++tick_;
    return tracker_.close_tick({tick_}, std::chrono::seconds(tick_), 1s, system_);
  }
  FoldResult fold(std::vector<AccessSample> samples) {
    SampleBatch batch;
    batch.samples = std::move(samples);
    return tracker_.fold(batch);
  }
  TargetId object_of(std::uint32_t process, Address address) {
    return tracker_.key_of({process}, address).value_or(RegionKey{}).target;
  }

  Tracker tracker_;
  SystemState system_;
  std::uint64_t tick_ = 0;
};

TEST_F(SharedMemory, SamplesOfAllWhoMapItAreFoldedIntoOneRegion) {
  set(1, {heap(kHeap, kRegion), shows(kBuffers, 0x7f0000000000, 4 * kRegion)});
  set(2, {shows(kBuffers, 0x7e0000003000, 4 * kRegion)});
  const std::uint64_t offset = kRegion + 5 * kPage + 17;
  const auto result = fold({sample(1, 0x7f0000000000 + offset), sample(2, 0x7e0000003000 + offset)});
  EXPECT_EQ(result.folded, 2u);
  const RegionSnapshot snapshot = close();
  ASSERT_EQ(snapshot.regions.size(), 1u);
  const Region& region = snapshot.regions[0];
  EXPECT_TRUE(is_object(region.key.target));
  EXPECT_EQ(region.key.start, kRegion) << "by its offset in the object, wherever it is mapped";
  EXPECT_EQ(region.samples, 2u);
  EXPECT_EQ(region.backing, Backing::kShared);
  EXPECT_EQ(tracker_.key_of({1}, 0x7f0000000000 + offset), region.key);
  EXPECT_EQ(tracker_.key_of({2}, 0x7e0000003000 + offset), region.key);
  EXPECT_EQ(tracker_.key_of({1}, kHeap)->target, TargetId{1});
}

TEST_F(SharedMemory, AHundredProcessesThatShareAGibibyteManageAGibibyte) {
  for (std::uint32_t id = 1; id <= 100; ++id)
    set(id, {heap(kHeap, kRegion), shows(kBuffers, 0x7f0000000000 + id * kPage, (1_GiB).value)});
  EXPECT_EQ(tracker_.mapped().value, (1_GiB).value + 100 * kRegion);
  const TargetId object = object_of(7, 0x7f0000000000 + 7 * kPage);
  EXPECT_EQ(tracker_.mapped(object), 1_GiB);
  EXPECT_EQ(tracker_.mapped({7}).value, kRegion);
  EXPECT_EQ(tracker_.target(object)->mapped_by, 100u);
  EXPECT_EQ(tracker_.targets().size(), 101u);
  EXPECT_EQ(tracker_.target(object)->object, kBuffers);
  EXPECT_EQ(tracker_.first_mapping(object)->name, "/dev/zero (deleted)");
}

TEST_F(SharedMemory, IsReachedThroughTheLatestSamplersAtTheirOwnAddresses) {
  for (std::uint32_t id = 1; id <= 20; ++id)
    set(id, {shows(kBuffers, 0x7f0000000000 + id * (1_GiB).value, 4 * kRegion)});
  fold({sample(3, 0x7f0000000000 + 3 * (1_GiB).value), sample(5, 0x7f0000000000 + 5 * (1_GiB).value)});
  close();
  fold({sample(9, 0x7f0000000000 + 9 * (1_GiB).value + 2 * kRegion)});
  const auto reach = tracker_.reach({object_of(1, 0x7f0000000000 + (1_GiB).value), 0});
  ASSERT_TRUE(reach);
  EXPECT_EQ(reach->pid, Pid{1005}) << "sampled this very region last";
  EXPECT_EQ(reach->start_time, 5u);
  const Address start = 0x7f0000000000 + 5 * (1_GiB).value;
  EXPECT_EQ(reach->range, (AddressRange{start, start + kRegion}));
  ASSERT_EQ(reach->also.size(), 7u);
  EXPECT_EQ(reach->also[0], (ProcessView{{1009}, 9, 0x7f0000000000 + 9 * (1_GiB).value}));
  EXPECT_EQ(reach->also[1].pid, Pid{1003});
}

TEST_F(SharedMemory, PlacesAreAskedOnceForAll) {
  set(1, {shows(kBuffers, 0x7f0000000000, 4 * kRegion)});
  set(2, {shows(kBuffers, 0x7e0000000000, 4 * kRegion)});
  const auto asked = tracker_.regions_to_locate(100);
  ASSERT_EQ(asked.size(), 4u);
  std::set<RegionKey> keys;
  for (const LocateRequest& request : asked) {
    keys.insert(request.key);
    EXPECT_EQ(request.also.size(), 1u);
    EXPECT_GE(request.range.start, 0x7e0000000000u) << "in a process's address space";
    tracker_.set_residency(request.key, {NodeId{0}, 2_MiB, PageKind::kSmall});
  }
  EXPECT_EQ(keys.size(), 4u);
  const RegionSnapshot snapshot = close();
  Bytes resident;
  for (const Region& region : snapshot.regions) resident += region.resident;
  EXPECT_EQ(resident.value, 4 * kRegion);
}

TEST_F(SharedMemory, NothingIsLostWhenASecondProcessComesAndTheFirstGoes) {
  set(1, {shows(kBuffers, 0x7f0000000000, 4 * kRegion)});
  fold({sample(1, 0x7f0000000000)});
  const RegionKey key = close().regions.at(0).key;
  set(2, {shows(kBuffers, 0x7e0000000000, 4 * kRegion)});
  EXPECT_TRUE(tracker_.drop_unmapped_objects().empty());
  EXPECT_EQ(tracker_.target(key.target)->pid, Pid{1001})
      << "described by the one that has had it for longest";
  tracker_.remove_target({1});
  EXPECT_TRUE(tracker_.drop_unmapped_objects().empty());
  EXPECT_EQ(tracker_.target(key.target)->pid, Pid{1002});
  EXPECT_EQ(tracker_.target(key.target)->mapped_by, 1u);
  fold({sample(2, 0x7e0000000000)});
  const RegionSnapshot snapshot = close();
  ASSERT_EQ(snapshot.regions.size(), 1u);
  EXPECT_EQ(snapshot.regions[0].key, key);
  EXPECT_EQ(snapshot.regions[0].age, 1u);
  EXPECT_EQ(tracker_.reach(key)->pid, Pid{1002});
}

TEST_F(SharedMemory, GoesWithTheLastWhoMapsIt) {
  set(1, {shows(kBuffers, 0x7f0000000000, 4 * kRegion)});
  const TargetId object = object_of(1, 0x7f0000000000);
  fold({sample(1, 0x7f0000000000)});
  close();
  set(1, {heap(kHeap, kRegion)});
  EXPECT_EQ(tracker_.drop_unmapped_objects(), std::vector<TargetId>{object});
  EXPECT_EQ(tracker_.target(object), nullptr);
  EXPECT_FALSE(tracker_.reach({object, 0}));
  EXPECT_EQ(tracker_.mapped().value, kRegion);
  EXPECT_TRUE(close().regions.empty());
  set(1, {shows(kBuffers, 0x7f0000000000, 4 * kRegion)});
  EXPECT_NE(object_of(1, 0x7f0000000000), object) << "ids are never used twice";
}

TEST_F(SharedMemory, WhoTakesItOverWithinATickKeepsWhatIsKnown) {
  set(1, {shows(kBuffers, 0x7f0000000000, 4 * kRegion)});
  const TargetId object = object_of(1, 0x7f0000000000);
  tracker_.remove_target({1});
  set(2, {shows(kBuffers, 0x7f0000000000, 4 * kRegion)});
  EXPECT_TRUE(tracker_.drop_unmapped_objects().empty());
  EXPECT_EQ(object_of(2, 0x7f0000000000), object);
}

TEST_F(SharedMemory, PartsAtOddPlacesAreTranslatedByteByByte) {
  // Two windows of one process, out of order and a page off the region's boundaries; the rest is another's.
  const Mapping late = shows(kBuffers, 0x7f0000000000, kRegion, 2 * kRegion + kPage);
  const Mapping early = shows(kBuffers, 0x7f1000000000, kRegion, kPage);
  set(1, {late, early});
  set(2, {shows(kBuffers, 0x7e0000000000, kRegion, kRegion + kPage)});
  EXPECT_EQ(tracker_.mapped().value, 3 * kRegion);
  const TargetId object = object_of(1, 0x7f0000000000);
  const auto key = [&](std::uint64_t region) { return RegionKey{object, region * kRegion}; };
  EXPECT_EQ(tracker_.key_of({1}, 0x7f0000000000), key(2));
  EXPECT_EQ(tracker_.key_of({1}, 0x7f0000000000 + kRegion - kPage - 1), key(2));
  EXPECT_EQ(tracker_.key_of({1}, 0x7f0000000000 + kRegion - kPage), key(3));
  EXPECT_EQ(tracker_.key_of({1}, 0x7f1000000000 + kRegion - kPage), key(1));
  EXPECT_EQ(tracker_.key_of({2}, 0x7e0000000000), key(1));
  // Nobody maps region 1 as a whole: its largest part is reached, and nothing beside it.
  const auto reach = tracker_.reach(key(1));
  ASSERT_TRUE(reach);
  EXPECT_EQ(reach->pid, Pid{1002});
  EXPECT_EQ(reach->range, (AddressRange{0x7e0000000000, 0x7e0000000000 + kRegion - kPage}));
  EXPECT_TRUE(reach->also.empty());
  EXPECT_EQ(tracker_.range_in({1}, key(1)),
            (AddressRange{0x7f1000000000 + kRegion - kPage, 0x7f1000000000 + kRegion}));
}

TEST_F(SharedMemory, MappingsThatContinueEachOtherAreOneWayToTheirRegions) {
  Mapping text = shows(kLibrary, 0x7f0000000000, kRegion / 2), constants = text;
  text.backing = constants.backing = Backing::kFile;
  constants.range = {text.range.end, text.range.end + kRegion};
  constants.offset = kRegion / 2;
  constants.writable = false;
  set(1, {text, constants});
  EXPECT_EQ(tracker_.reach({object_of(1, 0x7f0000000000), 0})->range.size().value, kRegion);
}

TEST_F(SharedMemory, TheSameMemoryMappedTwiceByOneProcessIsCountedOnceAndReachedTwice) {
  set(1, {shows(kBuffers, 0x7f0000000000, 2 * kRegion), shows(kBuffers, 0x7e0000000000, kRegion)});
  EXPECT_EQ(tracker_.mapped().value, 2 * kRegion);
  const TargetId object = object_of(1, 0x7f0000000000);
  EXPECT_EQ(tracker_.reach({object, 0})->also.size(), 1u) << "each mapping has page tables of its own";
  EXPECT_TRUE(tracker_.reach({object, kRegion})->also.empty());
  EXPECT_EQ(tracker_.target(object)->mapped_by, 1u);
}

TEST_F(SharedMemory, AProcessesOwnRegionsLeaveItOut) {
  // One region of the address space: own memory, a library's text, more own memory.
  const Mapping text = shows(kLibrary, kHeap + 8 * kPage, 100 * kPage);
  set(1, {heap(kHeap, 8 * kPage), text, heap(kHeap + 108 * kPage, 20 * kPage)});
  fold({sample(1, kHeap), sample(1, text.range.start)});
  const RegionSnapshot snapshot = close();
  ASSERT_EQ(snapshot.regions.size(), 2u);
  EXPECT_EQ(snapshot.regions[0].range, (AddressRange{kHeap + 108 * kPage, kHeap + 128 * kPage}))
      << "the largest stretch of its own, so that no page is counted or moved twice";
  EXPECT_EQ(snapshot.regions[0].samples, 1u);
  EXPECT_EQ(snapshot.regions[1].range, (AddressRange{0, 100 * kPage}));
  EXPECT_EQ(tracker_.mapped().value, 128 * kPage);
}

TEST_F(SharedMemory, GoesOnlyWhereAllWhoMapItMayHaveMemory) {
  set(1, {shows(kBuffers, 0x7f0000000000, kRegion)}, {{0}, {1}, {2}});
  set(2, {shows(kBuffers, 0x7f0000000000, kRegion)}, {{1}, {2}});
  const TargetId object = object_of(1, 0x7f0000000000);
  EXPECT_EQ(tracker_.target(object)->allowed_nodes, (std::vector<NodeId>{{1}, {2}}));
  EXPECT_EQ(tracker_.target(object)->cgroup, "/job1");
  set(3, {shows(kBuffers, 0x7f0000000000, kRegion)}, {{0}});
  EXPECT_EQ(tracker_.target(object)->allowed_nodes, (std::vector<NodeId>{{0}, {1}, {2}}))
      << "no node suits all: the first one's word";
  set(2, {shows(kBuffers, 0x7f0000000000, kRegion)}, {{0}, {1}});
  EXPECT_EQ(tracker_.target(object)->allowed_nodes, (std::vector<NodeId>{{0}})) << "a cpuset has changed";
}

TEST_F(SharedMemory, IsPinnedByAnyOfItsMappings) {
  Mapping locked = shows(kBuffers, 0x7e0000000000, kRegion, kRegion);
  locked.mlocked = true;
  set(1, {shows(kBuffers, 0x7f0000000000, 4 * kRegion)});
  set(2, {locked});
  Mapping bound = shows(kBuffers, 0x7d0000000000, kPage, 2 * kRegion + 3 * kPage);
  bound.own_policy = true;
  set(3, {bound});
  for (std::uint64_t i = 0; i < 4; ++i) fold({sample(1, 0x7f0000000000 + i * kRegion)});
  auto regions = close().regions;
  ASSERT_EQ(regions.size(), 4u);
  EXPECT_EQ(regions[0].pinned, Pinned::kNo);
  EXPECT_EQ(regions[1].pinned, Pinned::kMlocked);
  EXPECT_EQ(regions[2].pinned, Pinned::kOwnPolicy);
  EXPECT_EQ(regions[3].pinned, Pinned::kNo);
  tracker_.set_unseen({TargetId{2}});
  EXPECT_EQ(close().regions.at(3).pinned, Pinned::kUnseen) << "its idleness says nothing while one is unseen";
}

TEST_F(SharedMemory, OffsetsThatOverflowAreNotBelieved) {
  set(1, {shows(kBuffers, 0x7f0000000000, kRegion, ~0ULL - kPage)});
  fold({sample(1, 0x7f0000000000)});
  const RegionSnapshot snapshot = close();
  ASSERT_EQ(snapshot.regions.size(), 1u);
  EXPECT_EQ(snapshot.regions[0].key.target, TargetId{1}) << "memory of its own, then";
}

// Against a plain model: processes come, remap and go at random.
TEST_F(SharedMemory, CountsAndTranslationsHoldWhateverHappens) {
  std::mt19937 random(5);
  const auto draw = [&](std::uint64_t below) { return random() % below; };
  std::map<std::uint32_t, std::vector<Mapping>> model;
  std::uint32_t next = 1;
  for (int round = 0; round < 300; ++round) {
    const std::uint32_t id = model.empty() || draw(3) == 0
                                 ? next++
                                 : std::next(model.begin(), static_cast<long>(draw(model.size())))->first;
    if (model.contains(id) && draw(3) == 0) {
      model.erase(id);
      tracker_.remove_target({id});
    } else {
      std::vector<Mapping> mappings;
      for (std::uint64_t i = draw(5); i > 0; --i)
        mappings.push_back(
            shows({1, 1 + draw(3)}, 0x100000000 * i, kPage * (1 + draw(2000)), kPage * draw(3000)));
      std::reverse(mappings.begin(), mappings.end());
      model[id] = mappings;
      set(id, mappings);
    }
    tracker_.drop_unmapped_objects();
    std::map<MemoryObject, std::set<std::uint64_t>> pages;
    std::map<MemoryObject, std::set<std::uint32_t>> mappers;
    for (const auto& [process, mappings] : model) {
      for (const Mapping& mapping : mappings) {
        mappers[*mapping.object].insert(process);
        for (std::uint64_t at = 0; at < mapping.range.size().value; at += kPage)
          pages[*mapping.object].insert(mapping.offset + at);
      }
    }
    std::uint64_t expected = 0;
    for (const auto& [object, set] : pages) expected += set.size() * kPage;
    ASSERT_EQ(tracker_.mapped().value, expected) << "round " << round;
    std::size_t objects = 0;
    for (const Target* each : tracker_.targets()) {
      const Target& target = *each;
      if (!target.object) continue;
      ++objects;
      ASSERT_EQ(target.mapped_by, mappers.at(*target.object).size());
      // Every view of every region shows exactly the bytes it should.
      const std::uint64_t start = kRegion * draw(3);
      const auto reach = tracker_.reach({target.id, start});
      if (!reach) continue;
      auto views = reach->also;
      views.push_back({reach->pid, reach->start_time, reach->range.start});
      std::set<std::uint64_t> shown;
      for (const ProcessView& view : views) {
        const auto& mappings = model.at(static_cast<std::uint32_t>(view.pid.value - 1000));
        const auto at = std::find_if(mappings.begin(), mappings.end(),
                                     [&](const Mapping& m) { return m.range.contains(view.start); });
        ASSERT_NE(at, mappings.end());
        ASSERT_EQ(at->object, target.object);
        ASSERT_LE(view.start + reach->range.size().value, at->range.end);
        shown.insert(at->offset + (view.start - at->range.start));
      }
      ASSERT_EQ(shown.size(), 1u) << "all show the same bytes";
      ASSERT_GE(*shown.begin(), start);
      ASSERT_LE(*shown.begin() + reach->range.size().value, start + kRegion);
    }
    ASSERT_EQ(objects, pages.size());
  }
}

}  // namespace
}  // namespace tier
