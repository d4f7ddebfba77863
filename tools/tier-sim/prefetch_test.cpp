#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tools/tier-sim/prefetch_suite.h"

namespace tier::sim {
namespace {

PrefetchSuite small(unsigned jobs) {
  PrefetchSuite suite;
  suite.scenarios = {"knee", "selfish"};
  suite.policies = {"default", "two-threshold", "epsilon-greedy", "oracle"};
  suite.seeds = 3;
  suite.intervals = 250;
  suite.jobs = jobs;
  return suite;
}

TEST(PrefetchSuite, TheSameTableOnOneAndOnTwoThreads) {
  const auto one = run_prefetch_suite(small(1)), two = run_prefetch_suite(small(2));
  ASSERT_TRUE(one) << one.error().text();
  ASSERT_TRUE(two);
  EXPECT_EQ(to_json(*one).dump(), to_json(*two).dump());
  ASSERT_EQ(one->rows.size(), 3U * 4) << "two scenarios, and all";
  EXPECT_EQ(one->rows[8].scenario, "all");
  auto other = small(1);
  other.seed = 50;
  EXPECT_NE(to_json(*run_prefetch_suite(other)).dump(), to_json(*one).dump());
}

TEST(PrefetchSuite, AllIsOverAllRuns) {
  const auto table = run_prefetch_suite(small(2));
  ASSERT_TRUE(table);
  for (std::size_t p = 0; p < 4; ++p) {
    const PrefetchRow &knee = table->rows[p], &selfish = table->rows[4 + p], &all = table->rows[8 + p];
    EXPECT_EQ(all.policy, knee.policy);
    EXPECT_NEAR(all.gain_mean, 0.5 * (knee.gain_mean + selfish.gain_mean), 1e-12);
    EXPECT_EQ(all.gain_worst, std::min(knee.gain_worst, selfish.gain_worst));
    EXPECT_EQ(all.settled_worst, std::min(knee.settled_worst, selfish.settled_worst));
    EXPECT_EQ(all.phases, knee.phases + selfish.phases);
    EXPECT_LE(all.gain_worst, all.gain_mean);
  }
  EXPECT_EQ(table->rows[0].gain_mean, 0) << "the default against itself";
  EXPECT_EQ(table->rows[3].settled_near, 1) << "the oracle against itself";
  EXPECT_THAT(prefetch_text(*table), testing::HasSubstr("epsilon-greedy"));
}

TEST(PrefetchSuite, WhatIsUnknownIsNamed) {
  auto suite = small(1);
  suite.scenarios = {"calm"};
  EXPECT_THAT(run_prefetch_suite(suite).error().message, testing::HasSubstr("calm"));
  suite = small(1);
  suite.policies = {"hope"};
  EXPECT_THAT(run_prefetch_suite(suite).error().fix, testing::HasSubstr("two-threshold"));
}

}  // namespace
}  // namespace tier::sim
