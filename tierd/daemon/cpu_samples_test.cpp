#include "tierd/daemon/cpu_samples.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tierd/daemon/prefetch_service.h"

namespace tier {
namespace {

using namespace std::chrono_literals;

constexpr Address kFastRegion = 4ULL << 20, kSlowRegion = 8ULL << 20, kUnplaced = 12ULL << 20;

// Node 0 is fast, 1 slow.
TierTopology two_tiers() {
  TierTopology topology;
  topology.tiers = {{0, {{0}}, 100ns}, {1, {{1}}, 250ns}};
  return topology;
}

RegionSnapshot placed() {
  RegionSnapshot snapshot;
  for (const auto& [start, node] : {std::pair{kFastRegion, 0}, {kSlowRegion, 1}, {kUnplaced, -1}}) {
    Region region;
    region.key = {{1}, start}, region.node = {node};
    snapshot.regions.push_back(region);
  }
  return snapshot;
}

AccessSample at(Address address, std::uint32_t cpu, double weight = 0.1) {
  AccessSample sample;
  sample.target = {1}, sample.address = address, sample.cpu = cpu, sample.weight = weight;
  return sample;
}

class CpuSamplesTest : public ::testing::Test {
 protected:
  void tick(std::vector<AccessSample> all) {
    SampleBatch batch;
    batch.samples = std::move(all);
    samples_.add(batch, placed(), two_tiers(), 2_MiB);
    samples_.close(now_ += 1s);
  }

  CpuSamples samples_;
  Nanoseconds now_{};
};

TEST_F(CpuSamplesTest, AddsUpByCpuWhatWasWaitedAndForWhichTier) {
  tick({at(kFastRegion + 64, 0), at(kSlowRegion + 4096, 0, 0.3), at(kSlowRegion, 2)});
  const auto seen = samples_.activity();
  ASSERT_EQ(seen.size(), 3U);
  EXPECT_DOUBLE_EQ(seen[0].stall, 0.4);
  EXPECT_DOUBLE_EQ(seen[0].slow_stall, 0.3);
  EXPECT_EQ(seen[1].stall, 0);
  EXPECT_DOUBLE_EQ(seen[2].slow_stall, 0.1);
}

TEST_F(CpuSamplesTest, WhatLiesNowhereKnownCountsAsFast) {
  // A region whose node is not known, one that is in no snapshot, and another program's at the same address.
  AccessSample foreign = at(kSlowRegion, 0);
  foreign.target = {2};
  tick({at(kUnplaced, 0), at(1ULL << 40, 0), foreign});
  EXPECT_DOUBLE_EQ(samples_.activity().at(0).stall, 0.3);
  EXPECT_EQ(samples_.activity().at(0).slow_stall, 0);
}

TEST_F(CpuSamplesTest, WhatWasWaitedFadesAndTheCounterDoesNot) {
  tick({at(kSlowRegion, 0)});
  tick({at(kFastRegion, 0)});
  EXPECT_DOUBLE_EQ(samples_.activity()[0].stall, 0.07 + 0.1);
  EXPECT_DOUBLE_EQ(samples_.activity()[0].slow_stall, 0.07);
  for (int i = 0; i < 20; ++i) tick({});
  EXPECT_LT(samples_.activity()[0].stall, 1e-3);
  const auto read = samples_.stall();
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].signal, Signal::kSampledStall);
  EXPECT_EQ(read[0].value, 200'000'000U);
  EXPECT_EQ(read[0].at, 22s);
}

TEST_F(CpuSamplesTest, BetweenTwoTicksThereIsNothingNewToRead) {
  tick({at(kFastRegion, 0)});
  SampleBatch batch;
  batch.samples = {at(kFastRegion, 0)};
  samples_.add(batch, placed(), two_tiers(), 2_MiB);
  EXPECT_EQ(samples_.stall()[0].value, 100'000'000U);
  EXPECT_EQ(samples_.stall()[0].at, 1s) << "a rate over less than a tick would be none";
}

TEST_F(CpuSamplesTest, SamplesThatSayNothingOfACpusWaitingAreLeftOut) {
  AccessSample counted = at(kSlowRegion, 1, 1000);
  counted.meaning = WeightMeaning::kAccesses;
  tick({at(kSlowRegion, kNoCpu), counted});
  EXPECT_TRUE(samples_.activity().empty());
  EXPECT_TRUE(samples_.stall().empty());
}

TEST_F(CpuSamplesTest, WhatNoKernelSaysIsLeftOut) {
  tick({at(kFastRegion, kNoCpu - 1), at(kFastRegion, 0, std::nan("")), at(kFastRegion, 0, -1),
        at(kFastRegion, 0, std::numeric_limits<double>::infinity())});
  EXPECT_TRUE(samples_.activity().empty()) << "a list up to that CPU would fill memory";
  EXPECT_TRUE(samples_.stall().empty());
}

TEST_F(CpuSamplesTest, TellsHowInstructionsGoThroughMemory) {
  for (int i = 0; i < 10; ++i) {
    std::vector<AccessSample> walk;
    for (int j = 0; j < 30; ++j) {
      AccessSample sample = at(kFastRegion + static_cast<Address>(30 * i + j) * 64, 3, 0.01);
      sample.ip = 0x400000, sample.tid = {7};
      sample.time = std::chrono::milliseconds(1000 * i + 30 * j + 1);
      walk.push_back(sample);
    }
    tick(walk);
  }
  EXPECT_EQ(samples_.activity().at(3).pattern, AccessPattern::kSequential);
  EXPECT_EQ(samples_.activity().at(0).pattern, AccessPattern::kUnknown);
}

class PrefetchNodeTest : public ::testing::Test {
 protected:
  PrefetchNodeTest() {
    state_.context.tiers.resize(2);
    state_.context.tiers[0].loaded_latency = 120ns, state_.context.tiers[1].loaded_latency = 375ns;
  }
  PrefetchNode node() { return prefetch_node(state_, topology_, samples_); }

  EngineState state_;
  TierTopology topology_ = two_tiers();
  CpuSamples samples_;
};

TEST_F(PrefetchNodeTest, TellsUseByLatencyWhereBandwidthIsNotMetered) {
  EXPECT_NEAR(*node().fast_use, 0.2, 1e-9);
  EXPECT_NEAR(*node().slow_use, 0.5, 1e-9);
  state_.context.tiers[1].loaded_latency = 900ns;
  EXPECT_EQ(*node().slow_use, 1) << "twice the latency is all there is";
  state_.context.tiers[0].loaded_latency = 90ns;
  EXPECT_EQ(*node().fast_use, 0);
  // Metered, but of how much is not known.
  state_.context[NodeMetric::kSlowBandwidthUsed] = 1e9;
  EXPECT_EQ(*node().slow_use, 1);
}

TEST_F(PrefetchNodeTest, TellsUseOfBandwidthWhereThatIsKnown) {
  state_.context.tiers[0].bandwidth = Bytes{100'000'000'000};
  state_.context.tiers[1].bandwidth = Bytes{20'000'000'000};
  state_.context[NodeMetric::kFastBandwidthUsed] = 50e9;
  state_.context[NodeMetric::kSlowBandwidthUsed] = 18e9;
  EXPECT_NEAR(*node().fast_use, 0.5, 1e-9);
  EXPECT_NEAR(*node().slow_use, 0.9, 1e-9);
  state_.context[NodeMetric::kSlowBandwidthUsed] = 30e9;
  EXPECT_EQ(*node().slow_use, 1) << "firmware told too little";
}

TEST_F(PrefetchNodeTest, TiersBelowTheFastestAreOneSinceTheirTrafficIsMeteredAsOne) {
  topology_.tiers.push_back({2, {{2}}, 400ns});
  state_.context.tiers.emplace_back().loaded_latency = 400ns;
  EXPECT_NEAR(*node().slow_use, 0.5, 1e-9) << "that of the busier one";
  state_.context.tiers[1].bandwidth = Bytes{30'000'000'000};
  state_.context.tiers[2].bandwidth = Bytes{10'000'000'000};
  state_.context[NodeMetric::kSlowBandwidthUsed] = 20e9;
  EXPECT_NEAR(*node().slow_use, 0.5, 1e-9);
}

TEST_F(PrefetchNodeTest, TheBusiestTierCountsWhereEachIsCountedByItself) {
  topology_.tiers.push_back({2, {{2}}, 400ns});
  state_.context.tiers.emplace_back();
  state_.context.tiers[1].bandwidth = Bytes{30'000'000'000};
  state_.context.tiers[2].bandwidth = Bytes{10'000'000'000};
  state_.context.tiers[1].used_bandwidth = 6e9, state_.context.tiers[2].used_bandwidth = 9e9;
  state_.context[NodeMetric::kSlowBandwidthUsed] = 15e9;
  EXPECT_NEAR(*node().slow_use, 0.9, 1e-9) << "15 of 40 would hide it";
  state_.context.tiers[2].used_bandwidth.reset();
  EXPECT_NEAR(*node().slow_use, 15.0 / 40, 1e-9);
}

TEST_F(PrefetchNodeTest, WithoutAnyFactNothingIsKnown) {
  state_.context.tiers = {{}, {}};
  EXPECT_FALSE(node().fast_use);
  EXPECT_FALSE(node().slow_use);
  state_.context.tiers.clear();
  EXPECT_FALSE(node().fast_use);
}

TEST_F(PrefetchNodeTest, ABurstOfMovesIsMoreThanAFewRegionsASecond) {
  EXPECT_FALSE(node().migrating) << "nothing is known yet";
  state_.context[NodeMetric::kMigrated] = 8.0 * (1 << 20);
  EXPECT_FALSE(node().migrating);
  state_.context[NodeMetric::kMigrated] = 17.0 * (1 << 20);
  EXPECT_TRUE(node().migrating);
}

}  // namespace
}  // namespace tier
