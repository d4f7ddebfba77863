#include "tierd/daemon/heat_record.h"

#include <gtest/gtest.h>

#include "tierd/daemon/event_log.h"

namespace tier {
namespace {

TierTopology two_tiers() {
  TierTopology topology;
  topology.tiers = {{0, {NodeId{0}}, Nanoseconds{100}}, {1, {NodeId{1}}, Nanoseconds{300}}};
  return topology;
}

RegionSnapshot snapshot(std::uint64_t tick, const std::vector<std::pair<Address, double>>& demands,
                        int node) {
  RegionSnapshot made;
  made.tick = Tick{tick};
  for (const auto& [start, demand] : demands) {
    Region region;
    region.key = {TargetId{1}, start};
    region.demand = Accesses{demand};
    region.node = NodeId{node};
    made.regions.push_back(region);
  }
  return made;
}

TEST(HeatRecord, RemembersWhoEndedAsLongAsARowOfHisIsThere) {
  HeatRecord record(2, 16);
  record.ended(TargetId{1}, {Pid{42}, 1000, "early"});
  EXPECT_EQ(record.ended_owner(TargetId{1}), nullptr) << "there is no row";
  record.add(snapshot(1, {{0x200000, 5}}, 1), two_tiers());
  record.ended(TargetId{1}, {Pid{42}, 1000, "job"});
  record.add(snapshot(2, {}, 1), two_tiers());
  ASSERT_NE(record.ended_owner(TargetId{1}), nullptr);
  EXPECT_EQ(record.ended_owner(TargetId{1})->name, "job");
  record.add(snapshot(3, {}, 1), two_tiers());
  EXPECT_EQ(record.ended_owner(TargetId{1}), nullptr);
}

TEST(HeatRecord, KeepsTheHottestAndCountsTheRest) {
  HeatRecord record(4, 16);
  record.add(snapshot(1, {{0x200000, 5}, {0x400000, 50}, {0x600000, 0}}, 1), two_tiers());
  record.add(snapshot(2, {{0x400000, 10}}, 0), two_tiers());
  const auto map = record.map({}, 1, 10);
  ASSERT_EQ(map.ticks, (std::vector<std::uint64_t>{1, 2}));
  ASSERT_EQ(map.rows.size(), 1u);
  EXPECT_EQ(map.omitted, 1u);
  EXPECT_EQ(map.rows[0].key.start, 0x400000u);
  EXPECT_EQ(map.rows[0].cells[0].tier, 1);
  EXPECT_EQ(map.rows[0].cells[1].tier, 0);
}

TEST(HeatRecord, TellsHowLongATickWasAndWhatItDidNotKeep) {
  HeatRecord record(4, 2);
  auto first = snapshot(1, {{0x200000, 5}, {0x400000, 50}, {0x600000, 7}}, 1);
  first.interval = Nanoseconds{9'000'000'000};
  record.add(first, two_tiers());
  record.add(snapshot(2, {{0x400000, 10}}, 0), two_tiers());
  const auto map = record.map({}, 10, 10);
  EXPECT_EQ(map.seconds, (std::vector<double>{9, 1}));
  EXPECT_EQ(map.unrecorded, 1U);
}

TEST(HeatRecord, ATickWithoutDemandStillTellsWhereTheRegionIs) {
  HeatRecord record(4, 16);
  record.add(snapshot(1, {{0x200000, 5}, {0x400000, 0}}, 1), two_tiers());
  record.add(snapshot(2, {{0x200000, 0}, {0x400000, 0}}, 0), two_tiers());
  const auto map = record.map({}, 10, 10);
  ASSERT_EQ(map.rows.size(), 1u) << "a region without any demand is no row";
  EXPECT_EQ(map.omitted, 0u);
  EXPECT_EQ(map.rows[0].cells[1].tier, 0);
  EXPECT_EQ(map.rows[0].cells[1].demand, 0);
}

TEST(HeatRecord, ForgetsOldTicksAndColdRegionsFirst) {
  HeatRecord record(2, 1);
  for (std::uint64_t tick = 1; tick <= 3; ++tick)
    record.add(snapshot(tick, {{0x200000, 1}, {0x400000, 2}}, 0), two_tiers());
  const auto map = record.map({TargetId{1}}, 10, 10);
  EXPECT_EQ(map.ticks, (std::vector<std::uint64_t>{2, 3}));
  ASSERT_EQ(map.rows.size(), 1u);
  EXPECT_EQ(map.rows[0].key.start, 0x400000u);
  EXPECT_TRUE(record.map({TargetId{9}}, 10, 10).rows.empty());
}

TEST(EventLog, NumbersWithoutGapsAndForgetsTheOldest) {
  EventLog log(3);
  for (int i = 0; i < 5; ++i) log.add({});
  const auto all = log.since(0, 10);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all.front().sequence, 3u);
  EXPECT_EQ(log.since(4, 10).size(), 1u);
  EXPECT_TRUE(log.since(5, 10).empty());
  EXPECT_EQ(log.since(0, 2).size(), 2u);
}

}  // namespace
}  // namespace tier
