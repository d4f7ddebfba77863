#include "tools/tier-lab/oracle.h"

#include <gtest/gtest.h>

namespace tier::lab {
namespace {

// Fast node 0 (100 ns), slow node 1 (300 ns) at 2 MiB in a millisecond; periods of a second.
Scenario scenario() {
  Scenario s;
  s.topology.nodes = {{256, {0}, 100, 100, 1, 1}, {256, {}, 300, 300, 2000, 2000}};
  s.period_s = 1;
  return s;
}

// One region that waited `seconds` for `node` alone.
RegionCounts waited(std::uint64_t region, std::size_t node, double seconds) {
  RegionCounts counts{region, {0, 0}};
  counts.misses[node] = 1000;
  counts.wait_ns = static_cast<std::uint64_t>(seconds * 1e9);
  return counts;
}

TEST(Oracle, WhatIsSavedGoesIntoOperationsAtTheSamePace) {
  // 0.6 of a second is waited for the slow node; a third of it would remain.
  const OracleRun run = oracle_run(scenario(), {{waited(1, 1, 0.6)}}, {1000}, 1);
  ASSERT_EQ(run.progress.size(), 1U);
  EXPECT_NEAR(run.progress[0], 1000 / (1 - 0.4), 1e-6);
  EXPECT_EQ(run.moves, 0U) << "where it begins is free";
}

TEST(Oracle, WithoutRoomNothingIsSaved) {
  EXPECT_NEAR(oracle_run(scenario(), {{waited(1, 1, 0.6)}}, {1000}, 0).total(), 1000, 1e-6);
}

TEST(Oracle, WhatLiesWellAlreadyGainsNothing) {
  EXPECT_NEAR(oracle_run(scenario(), {{waited(1, 0, 0.2)}}, {1000}, 1).total(), 1000, 1e-6);
}

TEST(Oracle, FollowsADemandThatMovesAndPaysForIt) {
  const OracleRun run =
      oracle_run(scenario(), {{waited(1, 1, 0.6)}, {waited(2, 1, 0.6)}, {waited(2, 1, 0.6)}}, {1, 1, 1}, 1);
  EXPECT_EQ(run.moves, 2U) << "one down, one up, once";
  EXPECT_NEAR(run.progress[1], 1 / (1 - 0.4 + 0.002), 1e-9);
  EXPECT_NEAR(run.progress[2], 1 / (1 - 0.4), 1e-9);
}

TEST(Oracle, LeavesWhatASwapWouldCostMoreThanItSaves) {
  const OracleRun run = oracle_run(
      scenario(), {{waited(1, 1, 0.010), waited(2, 1, 0.009)}, {waited(1, 1, 0.009), waited(2, 1, 0.010)}},
      {1, 1}, 1);
  EXPECT_EQ(run.moves, 0U);
}

TEST(Oracle, FillsRoomThatIsLeft) {
  const OracleRun run = oracle_run(scenario(), {{}, {waited(7, 1, 0.3)}}, {1, 1}, 4);
  EXPECT_EQ(run.moves, 1U);
}

}  // namespace
}  // namespace tier::lab
