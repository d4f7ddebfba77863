#include "predictor/network/features.h"

#include <gtest/gtest.h>

#include <cmath>

#include "predictor/network/tokens.h"
#include "predictor/snapshot_fixture.h"

namespace tier {
namespace {

std::size_t feature(const std::string& name) {
  for (std::size_t f = 0; f < kFeatures; ++f)
    if (name == feature_table()[f].name) return f;
  ADD_FAILURE() << name;
  return 0;
}

// One sample stands for kFixtureWeight accesses.
RegionSnapshot at_tick(std::uint64_t tick, const std::vector<double>& samples) {
  RegionSnapshot snapshot = snapshot_of(samples, tick, static_cast<std::uint32_t>(tick));
  snapshot.interval = std::chrono::seconds(1);
  return snapshot;
}

class FeaturesTest : public ::testing::Test {
 protected:
  void tick(const RegionSnapshot& snapshot) {
    statistics_.observe(snapshot);
    counsel_.assign(statistics_.size(), 5 * static_cast<float>(kFixtureWeight));
    extractor_.observe(snapshot, statistics_, {counsel_, counsel_, counsel_});
  }
  float at(std::size_t row, const std::string& name) const {
    return extractor_.features()[row * kFeatures + feature(name)];
  }
  RegionStatistics statistics_;
  FeatureExtractor extractor_;
  std::vector<float> counsel_;
};

TEST_F(FeaturesTest, DemandIsToldInSamples) {
  tick(at_tick(0, {0, 1, 100}));
  EXPECT_FLOAT_EQ(extractor_.unit(), kFixtureWeight);
  EXPECT_FLOAT_EQ(at(0, "demand"), 0);
  EXPECT_NEAR(at(1, "demand"), 0.5 * std::log(2.0), 1e-5);
  EXPECT_NEAR(at(2, "demand"), 0.5 * std::log(101.0), 1e-5);
}

TEST_F(FeaturesTest, NeighboursAreThoseOfTheAddressSpace) {
  RegionSnapshot snapshot = at_tick(0, {1, 2, 4, 8});
  // Between the second and the third lies something else.
  for (std::size_t i = 2; i < 4; ++i) {
    snapshot.regions[i].key.start += (1_GiB).value;
    snapshot.regions[i].range = {snapshot.regions[i].key.start,
                                 snapshot.regions[i].key.start + kDefaultRegionSize.value};
  }
  tick(snapshot);
  EXPECT_FLOAT_EQ(at(0, "left"), 0);
  EXPECT_FLOAT_EQ(at(0, "right"), at(1, "demand"));
  EXPECT_FLOAT_EQ(at(1, "left"), at(0, "demand"));
  EXPECT_FLOAT_EQ(at(1, "right"), 0);
  EXPECT_FLOAT_EQ(at(2, "left"), 0);
  EXPECT_FLOAT_EQ(at(3, "left"), at(2, "demand"));
  EXPECT_FLOAT_EQ(at(3, "left-near"), 0);
}

TEST_F(FeaturesTest, FartherNeighboursAreMeans) {
  tick(at_tick(0, {1, 0, 3, 0, 0, 0, 0, 0, 5}));
  EXPECT_FLOAT_EQ(at(3, "left-near"), (at(0, "average-0.4") + at(1, "average-0.4")) / 2);
  EXPECT_FLOAT_EQ(at(6, "left-far"),
                  (at(2, "average-0.4") + at(1, "average-0.4") + at(0, "average-0.4")) / 4);
  EXPECT_FLOAT_EQ(at(0, "right-far"), 0);
  EXPECT_FLOAT_EQ(at(4, "right-far"), at(8, "average-0.4") / 4);
}

TEST_F(FeaturesTest, AChangeOfPhaseShowsInTheWholeGroup) {
  for (std::uint64_t t = 0; t < 40; ++t) tick(at_tick(t, {10, 10, 0, 0}));
  const float steady = at(0, "group-change");
  tick(at_tick(40, {0, 0, 10, 10}));
  EXPECT_LT(steady, 0.05F);
  EXPECT_GT(at(0, "group-change"), 0.4F);
  EXPECT_FLOAT_EQ(at(0, "group-change"), at(3, "group-change"));
}

TEST_F(FeaturesTest, BaselinesAreTheExpertsForecasts) {
  for (std::uint64_t t = 0; t < 20; ++t) tick(at_tick(t, {10, t % 2 == 0 ? 0.0 : 6.0}));
  const BaselineColumns& baselines = extractor_.baselines();
  ASSERT_EQ(baselines.stride, 1U);
  EXPECT_FLOAT_EQ(baselines.column[0][1], 6 * kFixtureWeight);
  EXPECT_FLOAT_EQ(baselines.column[1][1], statistics_.average(0)[1]);
  EXPECT_FLOAT_EQ(baselines.column[kBaselines + 4][1], statistics_.average(4)[1]);
  EXPECT_FLOAT_EQ(baselines.column[2 * kBaselines + 7][1], counsel_[1]);
}

TEST(FeatureSchema, ChangesWithTheNames) {
  EXPECT_EQ(feature_schema(), feature_schema());
  EXPECT_NE(feature_schema(), 0xCBF29CE484222325ULL);
}

TEST(WorkloadWindows, TellASteadyWorkloadFromAChangingOne) {
  RegionStatistics steady, changing;
  WorkloadNumbers of_steady{}, of_changing{};
  for (std::uint64_t t = 0; t < 40; ++t) {
    steady.observe(at_tick(t, {10, 0, 5, 0}));
    of_steady = describe_tick(at_tick(t, {10, 0, 5, 0}), steady);
    const std::vector<double> demand =
        t % 2 == 0 ? std::vector<double>{10, 0, 5, 0} : std::vector<double>{0, 10, 0, 5};
    changing.observe(at_tick(t, demand));
    of_changing = describe_tick(at_tick(t, demand), changing);
  }
  constexpr std::size_t kChange = 2, kBackOne = 3, kBackFour = 4;
  EXPECT_LT(of_steady[kChange], of_changing[kChange]);
  EXPECT_NEAR(of_steady[kBackOne], 1, 1e-3);
  EXPECT_NEAR(of_changing[kBackOne], 0, 1e-3);
  EXPECT_NEAR(of_changing[kBackFour], 1, 1e-3);
}

TEST(WorkloadWindows, AreMeansOfWholeWindowsNewestFirst) {
  WorkloadWindows windows;
  EXPECT_TRUE(windows.windows().empty());
  for (int t = 0; t < 40; ++t) {
    WorkloadNumbers tick{};
    tick[0] = t < 24 ? 1.0F : 2.0F;
    windows.add(tick);
  }
  const auto means = windows.windows();
  ASSERT_EQ(means.size(), 2U) << "of the third only eight ticks are known";
  EXPECT_FLOAT_EQ(means[0][0], 2);
  EXPECT_FLOAT_EQ(means[1][0], 1);
  windows.forget();
  EXPECT_TRUE(windows.windows().empty());
}

TEST(Tokens, WhatIsMissingIsNoToken) {
  TokenMaker maker;
  NodeContext node;
  node.tiers.resize(2);
  node.tiers[0] = {0, Nanoseconds{100}, 100_GiB, 4_GiB, 1_GiB, 10, {}};
  node.tiers[1] = {1, Nanoseconds{400}, std::nullopt, 12_GiB, 6_GiB, 20, {}};
  node[NodeMetric::kTemperature] = 60;
  maker.observe(node);
  const auto tokens = maker.tokens({});
  ASSERT_EQ(tokens.size(), 3U);
  EXPECT_EQ(tokens[1].name, "tier 1");
  EXPECT_FLOAT_EQ(tokens[1].numbers[4], 1) << "log2(4) / 2";
  EXPECT_FLOAT_EQ(tokens[1].numbers[5], 0) << "its bandwidth is not known";
  EXPECT_FLOAT_EQ(tokens[1].numbers[8], 0.75F);
  EXPECT_EQ(tokens[2].name, "temperature");
  EXPECT_FLOAT_EQ(tokens[2].numbers[0], 0.6F);
  node.tiers.push_back(node.tiers[1]);  // hot-added
  node[NodeMetric::kTemperature] = std::nan("");
  maker.observe(node);
  EXPECT_EQ(maker.tokens({}).size(), 3U);
}

}  // namespace
}  // namespace tier
