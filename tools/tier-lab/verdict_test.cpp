#include "tools/tier-lab/verdict.h"

#include <gtest/gtest.h>

namespace tier::lab {
namespace {

// Fast node 0 (100 ns), slow node 1 (300 ns), room for two regions in the fast one.
Scenario scenario() {
  Scenario s;
  s.name = "test";
  s.topology.nodes = {{256, {0}, 100, 100, 1, 1}, {256, {}, 300, 300, 1, 1}};
  s.length_s = 2;
  return s;
}

nlohmann::json tick(double uptime, const std::string& progress) {
  return {{"uptime", uptime},
          {"progress", progress},
          {"vmstat", {{"pgmigrate_success", 256 * static_cast<int>(uptime)}}},
          {"damos", nlohmann::json::object()},
          {"tool_cpu", uptime * 0.25},
          {"kernel_threads_cpu", 0.0},
          {"workload_cpu", uptime}};
}

RunRecord record() {
  RunRecord r;
  r.free_kib = {2 * 2048 + 1000, 100'000};
  // Region 10 is hottest, then 11, 12, 13. At first only 13 is fast; later 10 and 11 are.
  r.periods.push_back(
      {{{}, {0, 0, 1'000'000, 0}}, {{10, {0, 500}}, {11, {0, 300}}, {12, {0, 150}}, {13, {50, 0}}}});
  r.periods.push_back({{{}, {}}, {{10, {500, 0}}, {11, {300, 0}}, {12, {0, 150}}, {13, {0, 50}}}});
  r.ticks = {tick(10, ""), tick(11, "1000"), tick(12, "3000")};
  r.stopped = true;
  return r;
}

TEST(TopSum, TakesTheLargest) {
  EXPECT_EQ(top_sum({5, 1, 9, 3}, 2), 14U);
  EXPECT_EQ(top_sum({5, 1}, 10), 6U);
  EXPECT_EQ(top_sum({}, 3), 0U);
  EXPECT_EQ(top_sum({7}, 0), 0U);
}

TEST(OnlyWithin, KeepsRegionsThatTouchASpan) {
  const std::vector<RegionCounts> regions = {{1, {1}}, {2, {1}}, {3, {1}}};
  const auto kept = only_within(regions, {{(2ULL << 21) + 5, (2ULL << 21) + 6}});
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept[0].region, 2U);
  EXPECT_TRUE(only_within(regions, {{4ULL << 21, 5ULL << 21}}).empty())
      << "a span that ends where none begins";
  EXPECT_EQ(only_within(regions, {}).size(), 3U);
}

TEST(KeptFrom, NeedsEveryLaterPeriod) {
  std::vector<PeriodVerdict> periods(5);
  for (PeriodVerdict& period : periods) period.oracle_share = 1;
  const double shares[] = {0.5, 0.95, 0.89, 0.9, 0.99};
  for (std::size_t i = 0; i < 5; ++i) periods[i].fast_share = shares[i];
  EXPECT_DOUBLE_EQ(kept_from(periods, 2), 8);  // the fourth period of two seconds
  periods[4].fast_share = 0.1;
  EXPECT_DOUBLE_EQ(kept_from(periods, 2), -1);
}

TEST(Judge, SharesOraclesAndStall) {
  const Result<Verdict> verdict = judge(scenario(), record());
  ASSERT_TRUE(verdict) << verdict.error().text();
  EXPECT_EQ(verdict->capacity_regions, 2U);
  EXPECT_DOUBLE_EQ(verdict->periods[0].fast_share, 0.05);
  EXPECT_DOUBLE_EQ(verdict->periods[0].oracle_share, 0.8);
  EXPECT_DOUBLE_EQ(verdict->periods[1].fast_share, 0.8);
  EXPECT_DOUBLE_EQ(verdict->static_oracle_share, 0.8);
  EXPECT_DOUBLE_EQ(verdict->of_oracle, 0.425 / 0.8);
  EXPECT_DOUBLE_EQ(verdict->first_reached_s, 2);
  EXPECT_DOUBLE_EQ(verdict->reached_s, 2);
  EXPECT_NEAR(verdict->stall_s, (50 + 800) * 100e-9 + (950 + 200) * 300e-9, 1e-12);
  EXPECT_NEAR(verdict->kernel_stall_s, 0.3, 1e-12);
  EXPECT_NEAR(verdict->all_fast_stall_s, 2000 * 100e-9, 1e-12);
  EXPECT_EQ(verdict->regions_seen_up, 2U);
  EXPECT_EQ(verdict->regions_seen_down, 1U);
}

TEST(Judge, CostsAreDifferencesOfTicks) {
  const Result<Verdict> verdict = judge(scenario(), record());
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->migrated_mib, 2);
  EXPECT_DOUBLE_EQ(verdict->tool_cpu, 0.25);
  EXPECT_DOUBLE_EQ(verdict->progress, 3000);
  EXPECT_DOUBLE_EQ(verdict->progress_per_s, 1500);
  EXPECT_DOUBLE_EQ(verdict->tool_clock_share, 0.125)
      << "the other half of its CPU time was the program's turns";
  EXPECT_DOUBLE_EQ(verdict->progress_per_s_alone, 1500 / 0.875);
  EXPECT_DOUBLE_EQ(verdict->progress_per_machine_s, 1500 / 0.875 * (1 - 0.125 / 4))
      << "the machine is slowed down four times";
}

TEST(Judge, TakesAClientsWaitsFromItsLastWord) {
  RunRecord r = record();
  EXPECT_FALSE(judge(scenario(), r)->latency.has_value());
  r.ticks.back()["progress"] = "3000 latency_us 110.5 840 2300";
  const Result<Verdict> verdict = judge(scenario(), r);
  ASSERT_TRUE(verdict);
  EXPECT_DOUBLE_EQ(verdict->progress, 3000);
  ASSERT_TRUE(verdict->latency);
  EXPECT_DOUBLE_EQ(verdict->latency->p50_us, 110.5);
  EXPECT_DOUBLE_EQ(verdict->latency->p999_us, 2300);
  for (const char* no_latency : {"", "3000", "3000 latency_us", "3000 latency_us 1 2", "3000 other 1 2 3",
                                 "3000 latency_us 2 1 3", "3000 latency_us -1 1 3", "x latency_us 1 2 3"})
    EXPECT_FALSE(latency_in(no_latency)) << no_latency;
}

TEST(Judge, ATurnIsTakenFromAProgramThatIsBusy) {
  RunRecord r = record();
  for (auto& tick : r.ticks) tick["workload_cpu"] = 0.0;
  EXPECT_DOUBLE_EQ(judge(scenario(), r)->tool_clock_share, 0.25) << "it rested";
  Scenario apart = scenario();
  apart.own_clocks = true;
  EXPECT_DOUBLE_EQ(judge(apart, record())->tool_clock_share, 0.25);
  EXPECT_DOUBLE_EQ(judge(apart, record())->progress_per_s_alone, 1500)
      << "nothing was taken from the program";
}

TEST(Judge, WaitsAreTheWorkloadsOwn) {
  RunRecord r = record();
  r.periods[0].regions[0].wait_ns = 300'000'000;
  r.periods[1].regions[3].wait_ns = 200'000'000;
  r.periods[1].nodes[0].kernel_wait_ns = 100'000'000;
  const Result<Verdict> verdict = judge(scenario(), r);
  ASSERT_TRUE(verdict);
  EXPECT_NEAR(verdict->waited_s, 0.5, 1e-12);
  EXPECT_NEAR(verdict->periods[1].waited_s, 0.2, 1e-12);
  EXPECT_NEAR(verdict->kernel_waited_s, 0.1, 1e-12);
}

TEST(Judge, OnlyTheWorkloadsMappingsCount) {
  RunRecord r = record();
  r.ticks[0]["maps"] = {{10ULL << 21, 11ULL << 21}};
  r.ticks[2]["maps"] = {{12ULL << 21, 13ULL << 21}};
  const Result<Verdict> verdict = judge(scenario(), r);
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->misses, 1300U);
  EXPECT_EQ(verdict->heat.size(), 2U);
}

TEST(Judge, RefusesRunsThatSayNothing) {
  RunRecord unstopped = record();
  unstopped.stopped = false;
  EXPECT_FALSE(judge(scenario(), unstopped).has_value());
  RunRecord silent = record();
  silent.periods[0].regions.clear();
  silent.periods[1].regions.clear();
  EXPECT_FALSE(judge(scenario(), silent).has_value());
  RunRecord unknown = record();
  unknown.free_kib.clear();
  EXPECT_FALSE(judge(scenario(), unknown).has_value());
}

}  // namespace
}  // namespace tier::lab
