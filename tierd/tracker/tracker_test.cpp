#include "tierd/tracker/tracker.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>
#include <set>

namespace tier {
namespace {

using namespace std::chrono_literals;

constexpr Address kBase = 0x7f0000000000;
constexpr std::uint64_t kRegion = (2_MiB).value;
constexpr NodeId kFast{0}, kSlow{1};

Mapping mapping(Address start, Address end) {
  Mapping m;
  m.range = {start, end};
  m.readable = m.writable = true;
  return m;
}

Target target(std::uint32_t id, Bytes resident = 4_GiB) {
  Target t;
  t.id = {id};
  t.pid = {static_cast<std::int32_t>(1000 + id)};
  t.start_time = id;
  t.resident = resident;
  t.allowed_nodes = {kFast, kSlow};
  return t;
}

AccessSample sample(std::uint32_t id, Address address, double weight = 1,
                    WeightMeaning meaning = WeightMeaning::kAccesses) {
  AccessSample s;
  s.target = {id};
  s.address = address;
  s.type = AccessType::kLoad;
  s.meaning = meaning;
  s.weight = weight;
  return s;
}

class TrackerTest : public ::testing::Test {
 protected:
  TrackerTest() {
    system_.nodes = {{kFast, 100ns, 1_GiB, 1_GiB, true}, {kSlow, 300ns, 1_GiB, 1_GiB, true}};
    TierTopology topology;
    topology.tiers = {{0, {kFast}, 100ns}, {1, {kSlow}, 300ns}};
    tracker_.set_topology(topology);
  }
  void map(std::uint32_t id, std::uint64_t regions) {
    const std::vector<Mapping> mappings = {mapping(kBase, kBase + regions * kRegion)};
    tracker_.set_target(target(id), mappings);
  }
  void fold(std::vector<AccessSample> samples) {
    SampleBatch batch;
    batch.samples = std::move(samples);
    last_fold_ = tracker_.fold(batch);
  }
  RegionSnapshot close() {
    ++tick_;
    return tracker_.close_tick({tick_}, std::chrono::seconds(tick_), 1s, system_);
  }
  static RegionKey key(std::uint32_t id, std::uint64_t region) { return {{id}, kBase + region * kRegion}; }
  void place(std::uint32_t id, std::uint64_t region, NodeId node, Bytes resident = 2_MiB) {
    tracker_.set_residency(key(id, region), {node, resident, PageKind::kSmall});
  }

  struct Fates {
    std::uint64_t moved = 0, there = 0, absent = 0, busy = 0, dropped = 0;
  };
  static MigrationReport report(std::uint64_t region, NodeId to, const Fates& fates) {
    MigrationReport made;
    made.key = key(1, region);
    made.to = to;
    made.pages.moved = fates.moved, made.pages.already_there = fates.there;
    made.pages.absent = fates.absent, made.pages.dropped = fates.dropped;
    if (fates.busy > 0) made.pages.failed[EBUSY] = fates.busy;
    made.pages.requested = fates.moved + fates.there + fates.absent + fates.busy + fates.dropped;
    return made;
  }
  // Ticks in 0..`ticks`-1 in which the place of region 0 is asked; each is answered by `answer`.
  template <typename Answer>
  std::vector<int> asked_in(int ticks, Answer answer) {
    std::vector<int> asked;
    for (int i = 0; i < ticks; ++i) {
      fold({sample(1, kBase)});
      for (const auto& request : tracker_.regions_to_locate(8)) {
        asked.push_back(i);
        tracker_.set_residency(request.key, answer(i));
      }
      close();
    }
    return asked;
  }

  Tracker tracker_;
  SystemState system_;
  FoldResult last_fold_;
  std::uint64_t tick_ = 0;
};

TEST_F(TrackerTest, AccessCountsAreDemandAndWaitTheNodesLatency) {
  map(1, 4);
  place(1, 2, kSlow);
  auto store = sample(1, kBase + 2 * kRegion + 5, 40);
  store.type = AccessType::kStore;
  fold({sample(1, kBase + 2 * kRegion, 60), store});
  const RegionSnapshot snapshot = close();
  ASSERT_EQ(snapshot.regions.size(), 1u);
  const Region& region = snapshot.regions[0];
  EXPECT_EQ(region.key, key(1, 2));
  EXPECT_DOUBLE_EQ(region.demand.value, 100);
  EXPECT_DOUBLE_EQ(region.waited.value, 100 * 300e-9);
  EXPECT_EQ(region.samples, 2u);
  EXPECT_DOUBLE_EQ(region.write_share, 0.5);
  EXPECT_EQ(region.node, kSlow);
}

TEST_F(TrackerTest, AccessedBitsTellWhatNobodyTouchesUntilSomebodyDoes) {
  map(1, 4);
  fold({sample(1, kBase), sample(1, kBase + kRegion)});
  static_cast<void>(close());
  const auto look = [&](Address start, Address end, bool touched) {
    SampleBatch batch;
    batch.looks = {{TargetId{1}, {start, end}, touched}, {TargetId{7}, {start, end}, touched}};
    static_cast<void>(tracker_.fold(batch));
    return close().regions;
  };
  EXPECT_FALSE(look(kBase, kBase + kRegion / 2, false)[0].untouched) << "half of it says nothing of it";
  const auto cold = look(kBase, kBase + 2 * kRegion, false);
  ASSERT_EQ(cold.size(), 2U);
  EXPECT_TRUE(cold[0].untouched && cold[1].untouched);
  const auto half = look(kBase + kRegion / 2, kBase + kRegion, true);
  EXPECT_FALSE(half[0].untouched);
  EXPECT_TRUE(half[1].untouched) << "the last look at it";
  fold({sample(1, kBase + kRegion)});
  EXPECT_FALSE(close().regions[1].untouched) << "a sample knows better";
  EXPECT_TRUE(look(kBase, kBase + 2 * kRegion, false)[1].untouched);
  EXPECT_FALSE(look(kBase, kBase + 2 * kRegion, true)[1].untouched);
  EXPECT_TRUE(look(0, kBase + (Address{1} << 45), false)[1].untouched) << "of all that is reserved";
  for (int i = 0; i < 100; ++i) {
    fold({sample(1, kBase)});
    static_cast<void>(close());
  }
  place(1, 1, kFast);
  const auto later = close().regions;
  ASSERT_EQ(later.size(), 2U);
  EXPECT_FALSE(later[1].untouched) << "nobody has looked for long";
}

TEST_F(TrackerTest, StoresOfLateAreRemembered) {
  map(1, 4);
  place(1, 2, kSlow);
  auto store = sample(1, kBase + 2 * kRegion + 5, 40);
  store.type = AccessType::kStore;
  fold({store, store, store});
  EXPECT_NEAR(close().regions.at(0).stores, 0.75, 0.01) << "three of them against one";
  const Region silent = close().regions.at(0);
  EXPECT_EQ(silent.write_share, 0);
  EXPECT_NEAR(silent.stores, 0.75, 0.01);
  fold({sample(1, kBase + 2 * kRegion, 60), sample(1, kBase + 2 * kRegion, 60),
        sample(1, kBase + 2 * kRegion, 60)});
  EXPECT_NEAR(close().regions.at(0).stores, 0.19, 0.01);
}

TEST_F(TrackerTest, StallIsDividedByTheLatencyOfTheNodeThatServedIt) {
  map(1, 4);
  place(1, 0, kFast);
  place(1, 1, kSlow);
  const double stalled = 3e-6;
  fold({sample(1, kBase, stalled, WeightMeaning::kStall),
        sample(1, kBase + kRegion, stalled, WeightMeaning::kStall),
        sample(1, kBase + 2 * kRegion, stalled, WeightMeaning::kStall)});
  const RegionSnapshot snapshot = close();
  ASSERT_EQ(snapshot.regions.size(), 3u);
  EXPECT_NEAR(snapshot.regions[0].demand.value, 30, 1e-9);
  EXPECT_NEAR(snapshot.regions[1].demand.value, 10, 1e-9);
  EXPECT_NEAR(snapshot.regions[2].demand.value, 10, 1e-9) << "place unknown: the slowest node";
  for (const Region& region : snapshot.regions) EXPECT_NEAR(region.waited.value, stalled, 1e-15);
}

TEST_F(TrackerTest, StallSamplesShowANodeInProportionToItsLatency) {
  map(1, 4);
  place(1, 0, kFast);
  fold({sample(1, kBase, 3e-6, WeightMeaning::kStall), sample(1, kBase, 3e-6, WeightMeaning::kStall)});
  const auto stalls = close().visibility;
  ASSERT_EQ(stalls.size(), 2u);
  EXPECT_EQ(stalls[0].node, kFast);
  EXPECT_NEAR(stalls[1].visible / stalls[0].visible, 3, 1e-9);
  fold({sample(1, kBase, 3e-5, WeightMeaning::kStall)});
  EXPECT_NEAR(close().visibility[0].visible, stalls[0].visible, 1e-9) << "heavier samples show no more";
  EXPECT_NEAR(close().visibility[0].visible, stalls[0].visible, 1e-9) << "a silent tick changes nothing";
}

TEST_F(TrackerTest, CountedAccessesShowAllNodesAlike) {
  map(1, 4);
  EXPECT_EQ(close().visibility.at(0).visible, 0) << "not known before there is a sample";
  fold({sample(1, kBase, 50)});
  const auto counts = close().visibility;
  EXPECT_DOUBLE_EQ(counts.at(0).visible, counts.at(1).visible);
}

TEST_F(TrackerTest, UnknownLatencyYieldsNoDemandFromStalls) {
  map(1, 1);
  system_.nodes.clear();
  fold({sample(1, kBase, 1e-3, WeightMeaning::kStall)});
  const RegionSnapshot snapshot = close();
  ASSERT_EQ(snapshot.regions.size(), 1u);
  EXPECT_EQ(snapshot.regions[0].demand.value, 0);
  EXPECT_EQ(snapshot.regions[0].samples, 1u);
}

TEST_F(TrackerTest, EverySampleIsAccountedFor) {
  map(1, 1);
  fold({sample(1, kBase), sample(9, kBase), sample(1, kBase + kRegion), sample(1, 0), sample(1, ~0ULL)});
  EXPECT_EQ(last_fold_.folded, 1u);
  EXPECT_EQ(last_fold_.foreign, 1u);
  EXPECT_EQ(last_fold_.outside, 3u);
  EXPECT_EQ(last_fold_.stale_mappings, std::vector<TargetId>{TargetId{1}});
}

TEST_F(TrackerTest, CountersStartAfreshEachTickAndIdleGrows) {
  map(1, 1);
  fold({sample(1, kBase, 8)});
  EXPECT_EQ(close().regions.at(0).idle, 0u);
  const RegionSnapshot second = close();
  ASSERT_EQ(second.regions.size(), 1u);
  EXPECT_EQ(second.regions[0].demand.value, 0);
  EXPECT_EQ(second.regions[0].samples, 0u);
  EXPECT_EQ(second.regions[0].idle, 1u);
  EXPECT_EQ(second.regions[0].age, 1u);
  EXPECT_EQ(second.sequence, 2u);
}

TEST_F(TrackerTest, ARegionLeavesTheSnapshotWhenQuietUnlessItHoldsFastMemory) {
  map(1, 8);
  place(1, 0, kFast);
  place(1, 1, kSlow);
  place(1, 2, kSlow);
  fold({sample(1, kBase), sample(1, kBase + kRegion)});
  for (std::size_t i = 0; i < kHistoryTicks; ++i) {
    const RegionSnapshot snapshot = close();
    EXPECT_EQ(snapshot.regions.size(), 2u) << i;
    EXPECT_EQ(snapshot.quiet, 1u);
  }
  const RegionSnapshot later = close();
  ASSERT_EQ(later.regions.size(), 1u);
  EXPECT_EQ(later.regions[0].key, key(1, 0));
  EXPECT_EQ(later.regions[0].idle, kHistoryTicks);
  EXPECT_EQ(later.quiet, 2u);
}

TEST_F(TrackerTest, RegionsAreClippedToWhatIsMapped) {
  const std::vector<Mapping> mappings = {mapping(kBase + 0x3000, kBase + 0x9000),
                                         mapping(kBase + kRegion - 0x1000, kBase + kRegion + 0x5000)};
  tracker_.set_target(target(1), mappings);
  fold({sample(1, kBase + 0x4000), sample(1, kBase + kRegion + 0x100)});
  const RegionSnapshot snapshot = close();
  ASSERT_EQ(snapshot.regions.size(), 2u);
  EXPECT_EQ(snapshot.regions[0].range, (AddressRange{kBase + 0x3000, kBase + kRegion}));
  EXPECT_EQ(snapshot.regions[1].range, (AddressRange{kBase + kRegion, kBase + kRegion + 0x5000}));
  EXPECT_EQ(snapshot.regions[1].key.start, kBase + kRegion);
}

TEST_F(TrackerTest, ARegionIsFoundByAnyOfItsAddressesMappedOrNot) {
  const Mapping late = mapping(kBase + kRegion / 2, kBase + 2 * kRegion);
  tracker_.set_target(target(1), std::vector<Mapping>{late});
  ASSERT_TRUE(tracker_.key_of({1}, kBase).has_value()) << "its start, as the heat map prints it";
  EXPECT_EQ(tracker_.key_of({1}, kBase)->start, kBase);
  ASSERT_NE(tracker_.mapping_of({1}, kBase), nullptr);
  EXPECT_EQ(tracker_.mapping_of({1}, kBase)->range.start, late.range.start);
  EXPECT_FALSE(tracker_.key_of({1}, kBase - 1).has_value());
  EXPECT_FALSE(tracker_.key_of({1}, kBase + 2 * kRegion).has_value());
  EXPECT_FALSE(tracker_.key_of({2}, kBase).has_value());
}

TEST_F(TrackerTest, TellsBackingPagesAndPinsApart) {
  auto file = mapping(kBase, kBase + kRegion);
  file.backing = Backing::kFile;
  auto own = mapping(kBase + kRegion, kBase + kRegion + 0x1000);
  own.own_policy = true;
  auto shared = mapping(kBase + kRegion + 0x1000, kBase + 2 * kRegion);
  shared.backing = Backing::kShared;
  auto locked = mapping(kBase + 2 * kRegion, kBase + 3 * kRegion);
  locked.mlocked = true;
  const std::vector<Mapping> mappings = {file, own, shared, locked};
  tracker_.set_target(target(1), mappings);
  fold({sample(1, kBase), sample(1, kBase + kRegion), sample(1, kBase + 2 * kRegion)});
  tracker_.set_residency(key(1, 0), {kSlow, 2_MiB, PageKind::kHuge});
  const RegionSnapshot snapshot = close();
  ASSERT_EQ(snapshot.regions.size(), 3u);
  EXPECT_EQ(snapshot.regions[0].backing, Backing::kFile);
  EXPECT_EQ(snapshot.regions[0].pages, PageKind::kHuge);
  EXPECT_EQ(snapshot.regions[0].pinned, Pinned::kNo);
  EXPECT_EQ(snapshot.regions[1].backing, Backing::kShared) << "the larger part";
  EXPECT_EQ(snapshot.regions[1].pinned, Pinned::kOwnPolicy) << "however small the bound part";
  EXPECT_EQ(snapshot.regions[2].pinned, Pinned::kMlocked);
}

TEST_F(TrackerTest, UnmovableExpires) {
  tracker_ = Tracker(TrackerSettings{.unmovable_for = 3});
  map(1, 1);
  fold({sample(1, kBase)});
  tracker_.mark_unmovable(key(1, 0));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(close().regions.at(0).pinned, Pinned::kUnmovable) << i;
  EXPECT_EQ(close().regions.at(0).pinned, Pinned::kNo);
}

TEST_F(TrackerTest, NewMappingsForgetWhatIsGoneAndKeepTheRest) {
  map(1, 4);
  fold({sample(1, kBase, 10), sample(1, kBase + 3 * kRegion, 10)});
  close();
  map(1, 2);
  fold({sample(1, kBase + 3 * kRegion)});
  EXPECT_EQ(last_fold_.outside, 1u);
  const RegionSnapshot snapshot = close();
  ASSERT_EQ(snapshot.regions.size(), 1u);
  EXPECT_EQ(snapshot.regions[0].key, key(1, 0));
  tracker_.set_residency(key(1, 3), {kFast, 2_MiB, PageKind::kSmall});
  EXPECT_EQ(close().regions.size(), 1u) << "residency of what is not mapped is ignored";
}

TEST_F(TrackerTest, HeldRegionsAreTheResidentAndTheSampledInRuns) {
  map(1, 20);
  for (const std::uint64_t region : {5U, 4U, 3U, 10U}) place(1, region, kSlow);
  tracker_.set_residency(key(1, 11), {kSlow, 2_MiB, PageKind::kHuge});
  fold({sample(1, kBase + 6 * kRegion), sample(1, kBase)});
  close();
  EXPECT_EQ(tracker_.held({1}), (std::vector<RegionRun>{{kBase, 1, PageKind::kUnknown},
                                                        {kBase + 3 * kRegion, 3, PageKind::kSmall},
                                                        {kBase + 6 * kRegion, 1, PageKind::kUnknown},
                                                        {kBase + 10 * kRegion, 1, PageKind::kSmall},
                                                        {kBase + 11 * kRegion, 1, PageKind::kHuge}}));
  place(1, 4, NodeId{-1}, Bytes{0});
  EXPECT_EQ(tracker_.held({1}).at(1).count, 1u) << "not resident any more";
  EXPECT_TRUE(tracker_.held({2}).empty());
}

TEST_F(TrackerTest, ATargetGoesWithAllItHadAndALaterOneOfTheSamePidStartsEmpty) {
  map(1, 2);
  fold({sample(1, kBase, 10)});
  close();
  tracker_.remove_target({1});
  EXPECT_EQ(tracker_.target({1}), nullptr);
  EXPECT_TRUE(close().regions.empty());
  Target reborn = target(2);
  reborn.pid = target(1).pid;
  const std::vector<Mapping> mappings = {mapping(kBase, kBase + 2 * kRegion)};
  tracker_.set_target(reborn, mappings);
  EXPECT_TRUE(close().regions.empty());
  fold({sample(2, kBase)});
  const RegionSnapshot snapshot = close();
  ASSERT_EQ(snapshot.regions.size(), 1u);
  EXPECT_EQ(snapshot.regions[0].key, key(2, 0));
  EXPECT_EQ(snapshot.regions[0].age, 1u);
}

TEST_F(TrackerTest, SnapshotIsSortedAcrossTargets) {
  map(2, 64);
  map(1, 64);
  std::vector<AccessSample> samples;
  for (std::uint64_t i = 0; i < 64; ++i) {
    samples.push_back(sample(1 + i % 2, kBase + (i * 37 % 64) * kRegion));
  }
  fold(samples);
  const RegionSnapshot snapshot = close();
  EXPECT_EQ(snapshot.regions.size(), 64u);
  EXPECT_TRUE(std::is_sorted(snapshot.regions.begin(), snapshot.regions.end(),
                             [](const Region& a, const Region& b) { return a.key < b.key; }));
}

TEST_F(TrackerTest, LocatesMovedThenSampledThenTheRestInTurn) {
  map(1, 10);
  place(1, 7, kFast);
  close();
  tracker_.note_report(report(7, kSlow, {.moved = 512}), 4_KiB);
  fold({sample(1, kBase + 4 * kRegion), sample(1, kBase + 5 * kRegion)});
  const auto asked = tracker_.regions_to_locate(5);
  ASSERT_EQ(asked.size(), 5u);
  EXPECT_EQ(asked[0].key, key(1, 7));
  EXPECT_EQ((std::set<RegionKey>{asked[1].key, asked[2].key}), (std::set<RegionKey>{key(1, 4), key(1, 5)}));
  EXPECT_EQ(asked[3].key, key(1, 0));
  EXPECT_EQ(asked[4].key, key(1, 1));
  EXPECT_EQ(asked[0].pid, target(1).pid);
  EXPECT_EQ(asked[0].range.size(), 2_MiB);
}

TEST_F(TrackerTest, TheWalkCoversEverythingOnceThenRests) {
  map(1, 100);
  map(2, 50);
  std::set<RegionKey> seen;
  std::size_t questions = 0;
  for (int i = 0; i < 10; ++i) {
    for (const auto& request : tracker_.regions_to_locate(20)) {
      EXPECT_TRUE(seen.insert(request.key).second);
      tracker_.set_residency(request.key, {kSlow, 2_MiB, PageKind::kSmall});
      ++questions;
    }
    close();
  }
  EXPECT_EQ(questions, 150u);
  EXPECT_EQ(seen.size(), 150u);
  EXPECT_EQ(tracker_.regions_known(), 150u);
}

TEST_F(TrackerTest, PlacesAreAskedAgainAfterAWhile) {
  tracker_ = Tracker(TrackerSettings{.locate_again = 4});
  map(1, 1);
  std::size_t questions = 0;
  for (int i = 0; i < 40; ++i) {
    fold({sample(1, kBase)});
    for (const auto& request : tracker_.regions_to_locate(8)) {
      ++questions;
      tracker_.set_residency(request.key, {kSlow, 2_MiB, PageKind::kSmall});
    }
    close();
  }
  EXPECT_EQ(questions, 10u);
}

TEST_F(TrackerTest, PlacesOfWhoeverDoesNotRunAreAskedForLessOften) {
  tracker_ = Tracker(TrackerSettings{.locate_again = 4, .idle_turns = 8});
  map(1, 1);
  map(2, 1);
  const auto questions = [&](int ticks, bool second_runs) {
    std::size_t count = 0;
    for (int i = 0; i < ticks; ++i) {
      if (second_runs) tracker_.note_ran(TargetId{2}, 2_MiB);
      for (const auto& request : tracker_.regions_to_locate(8)) {
        count += request.key.target == TargetId{2} ? 1U : 0U;
        tracker_.set_residency(request.key, {kSlow, 2_MiB, PageKind::kSmall});
      }
      close();
    }
    return count;
  };
  questions(8, true);
  EXPECT_GE(questions(320, true), 60U);
  const std::size_t idle = questions(320, false);
  EXPECT_GE(idle, 8U);
  EXPECT_LE(idle, 12U);
  // One tick in which it ran is enough for the next turn.
  questions(64, false);
  EXPECT_GE(questions(1, true) + questions(8, false), 1U);
}

// More sampled regions than can be asked before the first are old again, and silent ones beside them.
TEST_F(TrackerTest, EveryPlaceIsAskedAgainHoweverManyThereAre) {
  tracker_ = Tracker(TrackerSettings{.locate_again = 4});
  constexpr std::uint64_t kSampled = 400, kSilent = 100;
  map(1, kSampled);
  map(2, kSilent);
  std::vector<AccessSample> samples;
  for (std::uint64_t i = 0; i < kSampled; ++i) samples.push_back(sample(1, kBase + i * kRegion));
  for (std::uint64_t i = 0; i < kSampled; ++i) place(1, i, kSlow);
  for (std::uint64_t i = 0; i < kSilent; ++i) place(2, i, kFast);
  std::set<RegionKey> asked_again;
  for (int tick = 0; tick < 5; ++tick) close();
  // 15 sampled ones and 5 in turn: 27 ticks for the former, and for all in turn 100.
  for (int tick = 0; tick < 100; ++tick) {
    fold(samples);
    for (const auto& request : tracker_.regions_to_locate(20)) {
      asked_again.insert(request.key);
      tracker_.set_residency(request.key, {kSlow, 2_MiB, PageKind::kSmall});
    }
    if (tick == 27) {
      EXPECT_EQ(asked_again.count(key(1, kSampled - 1)), 1U);
      EXPECT_GE(asked_again.size(), kSampled);
    }
    close();
  }
  EXPECT_EQ(asked_again.size(), kSampled + kSilent);
}

TEST_F(TrackerTest, APlaceThatNobodyAnswersForHoldsUpNoOther) {
  map(1, 30);
  std::vector<AccessSample> samples;
  for (std::uint64_t i = 0; i < 30; ++i) samples.push_back(sample(1, kBase + i * kRegion));
  std::set<RegionKey> asked;
  for (int tick = 0; tick < 10; ++tick) {
    fold(samples);
    for (const auto& request : tracker_.regions_to_locate(4)) asked.insert(request.key);
    close();
  }
  EXPECT_EQ(asked.size(), 30U);
}

TEST_F(TrackerTest, ARegionIsAskedOnceATick) {
  map(1, 3);
  EXPECT_EQ(tracker_.regions_to_locate(100).size(), 3u);
  fold({sample(1, kBase)});
  EXPECT_TRUE(tracker_.regions_to_locate(100).empty());
}

// Much is mapped at once and filled afterwards: what looks like a reservation at first is memory in use then,
// and the mapping has not changed.
TEST_F(TrackerTest, MemoryThatIsFilledLaterIsAskedForAtOnce) {
  tracker_ = Tracker(TrackerSettings{.locate_again = 100});
  map(1, 1024);  // 2 GiB, of a program of next to nothing
  const auto asked = [&](Bytes resident, int ticks) {
    std::size_t count = 0;
    for (int i = 0; i < ticks; ++i) {
      tracker_.note_ran({1}, resident);
      const auto requests = tracker_.regions_to_locate(512);
      for (const auto& request : requests)
        tracker_.set_residency(request.key, {kSlow, 2_MiB, PageKind::kSmall});
      count += requests.size();
      close();
    }
    return count;
  };
  EXPECT_EQ(asked(1_MiB, 4), 0U) << "a reservation, as far as anybody knows";
  EXPECT_EQ(asked(2_GiB, 4), 1024U);
  EXPECT_EQ(asked(2_GiB, 4), 0U) << "their places are known";
}

TEST_F(TrackerTest, InaccessibleAndSparseReservationsAreNotWalked) {
  auto reserved = mapping(kBase, kBase + 1000 * kRegion);
  reserved.readable = reserved.writable = false;
  const std::vector<Mapping> mappings = {
      reserved, mapping(kBase + (1_GiB).value * 64, kBase + (1_GiB).value * 20'000),
      mapping(kBase + (1_GiB).value * 30'000, kBase + (1_GiB).value * 30'000 + kRegion)};
  tracker_.set_target(target(1, 1_GiB), mappings);
  const auto asked = tracker_.regions_to_locate(100);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].key.start, kBase + (1_GiB).value * 30'000);
  fold({sample(1, kBase + (1_GiB).value * 100)});
  EXPECT_EQ(tracker_.regions_to_locate(100).size(), 1u) << "sampled: touched, so asked";
}

TEST_F(TrackerTest, MovedRegionsChangePlaceAtOnceAndRememberIt) {
  map(1, 2);
  place(1, 0, kSlow);
  fold({sample(1, kBase, 5)});
  EXPECT_EQ(close().regions.at(0).since_move, kNever);
  tracker_.note_report(report(0, kFast, {.moved = 512}), 4_KiB);
  Region region = close().regions.at(0);
  EXPECT_EQ(region.node, kFast);
  EXPECT_EQ(region.since_move, 0u);
  tracker_.note_report(report(0, kSlow, {.moved = 16, .busy = 496}), 4_KiB);
  region = close().regions.at(0);
  EXPECT_EQ(region.node, kFast) << "a small part does not change where most of it is";
}

TEST_F(TrackerTest, AMoveThatFindsAllPagesThereAlreadyCorrectsThePlace) {
  map(1, 2);
  place(1, 0, kFast);
  fold({sample(1, kBase, 5)});
  close();
  tracker_.note_report(report(0, kSlow, {.there = 480, .absent = 32}), 4_KiB);
  const Region region = close().regions.at(0);
  EXPECT_EQ(region.node, kSlow);
  EXPECT_EQ(region.resident, Bytes{480 * 4096});
  EXPECT_EQ(region.since_move, kNever) << "nothing moved";
  const auto asked = tracker_.regions_to_locate(1);
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].key, key(1, 0)) << "the eight pages asked before showed something else";
}

TEST_F(TrackerTest, AMoveThatFindsNothingResidentForgetsThePlace) {
  map(1, 2);
  place(1, 0, kFast);
  place(1, 1, kFast);
  fold({sample(1, kBase, 5)});
  close();
  tracker_.note_report(report(0, kSlow, {.absent = 512}), 4_KiB);
  tracker_.note_report(report(1, kSlow, {.absent = 512}), 4_KiB);
  const auto regions = close().regions;
  ASSERT_EQ(regions.size(), 1u) << "the one that was not sampled is gone";
  EXPECT_EQ(regions[0].node.value, -1);
  EXPECT_EQ(regions[0].resident, Bytes{0});
}

TEST_F(TrackerTest, AMoveThatLookedAtNoPageSaysNothing) {
  map(1, 1);
  place(1, 0, kFast);
  tracker_.note_report(report(0, kSlow, {.dropped = 512}), 4_KiB);
  EXPECT_EQ(tracker_.region(key(1, 0))->node, kFast);
  EXPECT_TRUE(tracker_.regions_to_locate(8).empty());
}

TEST_F(TrackerTest, ARegionThatIsBeingFilledIsAskedAgainUntilItIsComplete) {
  map(1, 1);
  const auto filled = [](int tick) {
    const Bytes resident{std::min<std::uint64_t>(static_cast<std::uint64_t>(tick) + 1, 4) * 512 * 1024};
    return Residency{tick < 2 ? kFast : kSlow, resident, PageKind::kSmall};
  };
  EXPECT_EQ(asked_in(20, filled), (std::vector<int>{0, 1, 2, 3, 19}));
  EXPECT_EQ(tracker_.region(key(1, 0))->node, kSlow);
}

TEST_F(TrackerTest, AnIncompletePlaceThatStaysAsItIsIsAskedLessAndLessOften) {
  map(1, 1);
  const auto half = [](int) { return Residency{kSlow, 1_MiB, PageKind::kSmall}; };
  EXPECT_EQ(asked_in(48, half), (std::vector<int>{0, 1, 3, 7, 15, 31, 47}));
}

TEST_F(TrackerTest, APlaceThatSomebodyElseChangesIsAskedAgainAtOnce) {
  map(1, 1);
  const auto moved_by_kernel = [](int tick) {
    return Residency{tick < 16 ? kFast : kSlow, 2_MiB, PageKind::kSmall};
  };
  EXPECT_EQ(asked_in(34, moved_by_kernel), (std::vector<int>{0, 16, 17, 33}));
}

TEST_F(TrackerTest, ARegionThatGrowsIsAskedAtOnce) {
  const std::vector<Mapping> half = {mapping(kBase, kBase + kRegion / 2)};
  tracker_.set_target(target(1), half);
  const auto whole = [](int) { return Residency{kFast, 1_MiB, PageKind::kSmall}; };
  ASSERT_EQ(asked_in(3, whole), std::vector<int>{0});
  map(1, 1);
  EXPECT_EQ(asked_in(1, whole), std::vector<int>{0});
}

TEST_F(TrackerTest, AQueryThatFailsKeepsWhatIsKnown) {
  map(1, 2);
  place(1, 0, kFast);
  place(1, 1, kFast);
  fold({sample(1, kBase)});
  Residency failed;
  failed.answered = false;
  tracker_.set_residency(key(1, 0), failed);
  tracker_.set_residency(key(1, 1), failed);
  const auto regions = close().regions;
  ASSERT_EQ(regions.size(), 2u);
  for (const Region& region : regions) EXPECT_EQ(region.node, kFast);
  for (const Region& region : regions) EXPECT_EQ(region.resident, 2_MiB);
}

TEST_F(TrackerTest, TellsWhatProgramsFilledLatelyAndWhatItIsWorth) {
  tracker_ = Tracker(TrackerSettings{.locate_again = 2});
  map(1, 4);
  std::uint64_t filled = 2;  // regions, from the first on
  const auto tick = [&] {
    tracker_.note_ran({1}, 8_MiB);
    for (const auto& request : tracker_.regions_to_locate(8)) {
      const bool there = request.key.start < kBase + filled * kRegion;
      tracker_.set_residency(request.key, {kSlow, there ? 2_MiB : Bytes{}, PageKind::kSmall});
    }
    return close().fresh;
  };
  for (int i = 0; i < 8; ++i) EXPECT_EQ(tick().bytes, Bytes{0}) << "it was there from the start";
  filled = 3;
  fold({sample(1, kBase + 2 * kRegion, 5)});
  FreshMemory fresh = tick();
  EXPECT_EQ(fresh.bytes, Bytes{0}) << "the tick that fills it says nothing of its use";
  fold({sample(1, kBase, 100), sample(1, kBase + 2 * kRegion, 7)});
  fresh = tick();
  EXPECT_EQ(fresh.bytes, 2_MiB);
  EXPECT_EQ(fresh.demand.value, 7);
  for (std::uint32_t i = 1; i < kFreshTicks; ++i) EXPECT_EQ(tick().bytes, 2_MiB);
  fold({sample(1, kBase + 2 * kRegion, 7)});
  fresh = tick();
  EXPECT_EQ(fresh.bytes, Bytes{0});
  EXPECT_EQ(fresh.demand.value, 0);
}

TEST_F(TrackerTest, StaysBelowOneBytePerFourKiB) {
  constexpr std::uint64_t kRegions = 10'000;
  map(1, kRegions);
  std::vector<AccessSample> samples;
  for (std::uint64_t i = 0; i < kRegions; ++i) {
    place(1, i, i % 8 == 0 ? kFast : kSlow);
    if (i % 4 == 0) samples.push_back(sample(1, kBase + i * kRegion));
  }
  fold(samples);
  close();
  const double per_region = static_cast<double>(tracker_.bytes_used()) / kRegions;
  RecordProperty("bytes_per_region_2mib", std::to_string(per_region));
  std::printf("tracker: %.0f bytes per 2 MiB region, a quarter of them sampled (limit 512)\n", per_region);
  EXPECT_LT(per_region, 512);
  for (std::uint64_t i = 0; i < kRegions; ++i) fold({sample(1, kBase + i * kRegion)});
  close();
  EXPECT_LT(static_cast<double>(tracker_.bytes_used()) / kRegions, 512) << "also with every region sampled";
}

TEST_F(TrackerTest, AWideAddressSpaceWithoutSamplesCostsNothing) {
  const std::vector<Mapping> mappings = {mapping(kBase, kBase + (1_GiB).value * 10'000)};
  const std::size_t before = tracker_.bytes_used();
  tracker_.set_target(target(1), mappings);
  close();
  EXPECT_LT(tracker_.bytes_used() - before, 2048u);
  EXPECT_EQ(tracker_.mapped().value, (1_GiB).value * 10'000);
}

}  // namespace
}  // namespace tier
