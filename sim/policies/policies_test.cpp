// What all policies have in common, and the parts they are made of.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "sim/machine/machine_fixture.h"
#include "sim/policies/damon_regions.h"
#include "sim/policies/heat.h"
#include "sim/policies/pending_moves.h"
#include "sim/policies/policy_trial.h"
#include "sim/policies/region_lists.h"

namespace tier::sim {
namespace {

TEST(PolicyTable, NamesAreDistinctAndSweepsBeginWithThePublishedConstants) {
  std::set<std::string> names;
  for (const PolicyEntry& entry : policy_table()) {
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
    ASSERT_FALSE(entry.sweep.empty()) << entry.name;
    EXPECT_TRUE(entry.sweep.front().empty()) << entry.name;
    EXPECT_LE(entry.sweep.size(), 8U) << entry.name;
  }
}

TEST(PolicyTable, EverySweepIsAcceptedAndNothingElse) {
  for (const PolicyEntry& entry : policy_table()) {
    for (const PolicySettingsMap& settings : entry.sweep)
      EXPECT_TRUE(entry.make({{}, 1, settings})) << entry.name;
    const auto unknown = entry.make({{}, 1, {{"no_such_setting", 1}}});
    ASSERT_FALSE(unknown) << entry.name;
    EXPECT_EQ(unknown.error().kind, ErrorKind::kUsage);
    EXPECT_THAT(unknown.error().message, ::testing::HasSubstr("no_such_setting"));
    if (!entry.sweep.back().empty()) {
      EXPECT_FALSE(entry.make({{}, 1, {{entry.sweep.back().begin()->first, -1}}}).has_value()) << entry.name;
    }
  }
}

TEST(PolicyTable, TheSameSeedGivesTheSameRunAndMemoryComesAndGoes) {
  const std::string spec = "generational:footprint=256MiB,length=12s,threads=2,every=1s,use=3s";
  Trial trial_of = trial(spec);
  for (const PolicyEntry& entry : policy_table()) {
    const Outcome one = run(entry.name, trial_of), same = run(entry.name, trial_of);
    EXPECT_EQ(one.seconds, same.seconds) << entry.name;
    EXPECT_EQ(one.totals.moves, same.totals.moves) << entry.name;
    EXPECT_EQ(one.totals.stall, same.totals.stall) << entry.name;
  }
  trial_of.seed = 2;
  const Outcome other = run("hemem", trial_of);
  trial_of.seed = 1;
  EXPECT_NE(other.totals.stall, run("hemem", trial_of).totals.stall);
}

TEST(PolicyTable, ThreeTiersAndSmallPagesAreNoTrouble) {
  const Trial three = trial("zipf:footprint=256MiB,length=5s,threads=2,pages=small", 8, "hbm-ddr5-cxl");
  ASSERT_EQ(three.machine.tiers.size(), 3U);
  for (const PolicyEntry& entry : policy_table()) EXPECT_GT(run(entry.name, three).seconds, 4) << entry.name;
}

TEST(RegionLists, KeepOrderAndCount) {
  RegionLists lists(5, 2);
  lists.push_back(0, 3);
  lists.push_back(0, 1);
  lists.push_front(0, 4);
  EXPECT_EQ(lists.front(0), 4U);
  EXPECT_EQ(lists.after(4), 3U);
  EXPECT_EQ(lists.back(0), 1U);
  EXPECT_EQ(lists.after(1), std::nullopt);
  lists.push_back(1, 3);  // from one list to the other
  EXPECT_EQ(lists.size(0), 2U);
  EXPECT_EQ(lists.list_of(3), 1);
  EXPECT_EQ(lists.after(4), 1U);
  lists.remove(4);
  lists.remove(4);
  EXPECT_EQ(lists.front(0), 1U);
  EXPECT_EQ(lists.size(0), 1U);
  EXPECT_EQ(lists.list_of(4), RegionLists::kNone);
  EXPECT_EQ(lists.front(1), 3U);
}

SampledAccess access(Region region, bool store) { return {region, 0, 0, store, 1}; }

TEST(SampledHeat, IsHalvedForAllWhenOnePageHasTooMuch) {
  SampledHeat heat(2, 4);
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(heat.count(access(1, true)));
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(heat.count(access(0, false)));
  EXPECT_DOUBLE_EQ(heat.total(), 7);
  EXPECT_TRUE(heat.count(access(0, false)));
  EXPECT_EQ(heat.cooled(0).reads, 2U);
  EXPECT_EQ(heat.cooled(1).writes, 1U);
  EXPECT_DOUBLE_EQ(heat.total(), 4);
  heat.forget(0);
  EXPECT_EQ(heat.cooled(0).reads, 0U);
}

TEST(PendingMoves, KnowTheRoomThatWillBe) {
  FirstTouch placer;
  const PlainWorkload program{{1, 1, 1}, 1, 1, 1, 0, 1000};
  Machine machine(plain_machine(2), workloads(program), placer);
  ASSERT_TRUE(machine.start());
  PendingMoves moves;
  moves.start(machine);
  EXPECT_EQ(moves.room(machine, 0), 0);
  moves.queue(machine, 0, 1);
  EXPECT_EQ(moves.room(machine, 0), 1);
  moves.queue(machine, 2, 0);
  EXPECT_EQ(moves.room(machine, 0), 0);
  EXPECT_TRUE(moves.contains(0) && moves.contains(2) && !moves.contains(1));
  std::vector<Region> done;
  const auto note = [&](Region region) { done.push_back(region); };
  machine.advance(std::chrono::microseconds(1500));
  moves.settle(machine, note);
  EXPECT_EQ(done, std::vector<Region>{0});
  EXPECT_EQ(moves.room(machine, 0), 0);
  machine.advance(std::chrono::milliseconds(1));
  moves.settle(machine, note);
  EXPECT_EQ(done, (std::vector<Region>{0, 2}));
  EXPECT_EQ(moves.size(), 0U);
  EXPECT_EQ(moves.room(machine, 0), 0);
}

// A stretch of 8 busy frames among 64.
TEST(DamonMonitor, SplitsUntilItSeesTheBusyStretch) {
  FirstTouch placer;
  std::vector<float> loads(64, 0);
  for (std::size_t r = 24; r < 32; ++r) loads[r] = 1e6F;
  const PlainWorkload program{loads, 1, 1, 1, 0, 1000};
  Machine machine(plain_machine(64), workloads(program), placer);
  ASSERT_TRUE(machine.start());
  machine.advance(Nanoseconds{1});
  DamonMonitor monitor(0, 64, 4, 40, 5);
  for (Region region = 0; region < 64; ++region) monitor.arrive(region);
  for (int i = 0; i < 40; ++i) {
    monitor.aggregate(machine, std::chrono::milliseconds(5));
    ASSERT_LE(monitor.regions().size(), 40U);
    Region at = 0;
    for (const DamonRegion& region : monitor.regions()) {
      ASSERT_EQ(region.begin, at);
      at = region.end;
    }
    ASSERT_EQ(at, 64U);
  }
  double inside = 0, outside = 0;
  for (const DamonRegion& region : monitor.regions())
    (region.begin >= 24 && region.end <= 32 ? inside : outside) +=
        static_cast<double>(region.accesses) * (region.end - region.begin);
  EXPECT_GT(inside, 3 * outside);
  EXPECT_NEAR(monitor.observed(), 8.0 / 64, 0.05);
}

TEST(DamonMonitor, FramesAreReusedLowestFirst) {
  DamonMonitor monitor(0, 8, 1, 10, 5);
  for (Region region = 10; region < 14; ++region) monitor.arrive(region);
  monitor.leave(12);
  monitor.leave(11);
  monitor.leave(11);
  monitor.arrive(20);
  EXPECT_EQ(monitor.in_frame(1), 20U);
  EXPECT_EQ(monitor.in_frame(2), DamonMonitor::kEmpty);
  monitor.arrive(21);
  EXPECT_EQ(monitor.in_frame(2), 21U);
  monitor.arrive(22);
  EXPECT_EQ(monitor.in_frame(4), 22U);
}

}  // namespace
}  // namespace tier::sim
