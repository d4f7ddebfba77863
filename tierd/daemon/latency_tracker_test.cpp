#include "tierd/daemon/latency_tracker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tier {
namespace {

using std::chrono::nanoseconds;

class SettableProbe final : public LatencyProbe {
 public:
  std::map<int, int> ns;  // absent = cannot be measured
  Result<Nanoseconds> measure(NodeId node) override {
    if (!ns.contains(node.value)) return fail(ErrorKind::kFailed, "node is full", "free memory");
    return nanoseconds(ns.at(node.value));
  }
  void rest() override { ++rests; }
  Nanoseconds cost() const override { return {}; }
  int rests = 0;
};

std::vector<NumaNode> two_nodes() {
  std::vector<NumaNode> nodes(2);
  for (int i = 0; i < 2; ++i) {
    NumaNode& node = nodes[static_cast<std::size_t>(i)];
    node.id = NodeId{i};
    node.total = 1_GiB;
    node.distances = {i == 0 ? 10 : 20, i == 0 ? 20 : 10};
    node.read_latency = nanoseconds(i == 0 ? 100 : 300);
    node.latency_source = FactSource::kFirmware;
  }
  nodes[0].has_cpus = true;
  return nodes;
}

TEST(LatencyTracker, AutoBelievesTheProbeOverFirmware) {
  SettableProbe probe;
  probe.ns = {{0, 90}, {1, 92}};
  LatencyTracker tracker(probe, {});
  const auto topology = tracker.calibrate(two_nodes());
  ASSERT_TRUE(topology);
  EXPECT_FALSE(topology->tiered()) << "measured as equal, so nothing is gained by moving";
  EXPECT_EQ(topology->find(NodeId{1})->latency_source, FactSource::kProbe);
}

TEST(LatencyTracker, OneNodeIsReadAtTheStartAlone) {
  SettableProbe probe;
  probe.ns = {{0, 90}};
  LatencyTracker tracker(probe, {});
  std::vector<NumaNode> nodes = two_nodes();
  nodes.resize(1);
  ASSERT_TRUE(tracker.calibrate(nodes));
  probe.ns[0] = 900;
  tracker.tick();
  EXPECT_EQ(tracker.loaded(NodeId{0}), nanoseconds(90));
  EXPECT_EQ(probe.rests, 1) << "its memory goes back";
}

TEST(LatencyTracker, FirmwareModeKeepsFirmwareAndScalesByLoad) {
  SettableProbe probe;
  probe.ns = {{0, 80}, {1, 80}};
  LatencySettings settings;
  settings.mode = LatencyMode::kFirmware;
  settings.smoothing = 1.0;
  LatencyTracker tracker(probe, settings);
  const auto topology = tracker.calibrate(two_nodes());
  ASSERT_TRUE(topology);
  EXPECT_TRUE(topology->tiered());
  probe.ns[0] = 240;
  tracker.tick();
  EXPECT_EQ(tracker.loaded(NodeId{0}), nanoseconds(300));
  EXPECT_EQ(tracker.loaded(NodeId{1}), nanoseconds(300));
  EXPECT_EQ(tracker.loaded(NodeId{9}), nanoseconds(0));
}

// Seen in an emulator whose caches do not notice clflush.
TEST(LatencyTracker, AProbeThatDoesNotReadMemoryCallsNoNodeLoaded) {
  SettableProbe probe;
  probe.ns = {{0, 5}, {1, 70}};
  LatencySettings settings;
  settings.mode = LatencyMode::kFirmware;
  settings.smoothing = 1.0;
  LatencyTracker tracker(probe, settings);
  ASSERT_TRUE(tracker.calibrate(two_nodes()));
  EXPECT_TRUE(tracker.load_doubts().empty()) << "without load nothing is wrong";
  probe.ns = {{0, 140}, {1, 140}};
  tracker.tick();
  EXPECT_EQ(tracker.loaded(NodeId{0}), nanoseconds(100));
  EXPECT_EQ(tracker.loaded(NodeId{1}), nanoseconds(300)) << "nobody knows how loaded the other one is";
  const auto doubts = tracker.load_doubts();
  ASSERT_EQ(doubts.size(), 1u);
  EXPECT_THAT(doubts.at(NodeId{0}),
              testing::AllOf(testing::HasSubstr("28.0 times"), testing::HasSubstr("5 ns")));
}

TEST(LatencyTracker, WhatOnlyACacheAnswersInIsNoIdleFigureOfMemory) {
  SettableProbe probe;
  probe.ns = {{0, 6}, {1, 6}};
  LatencySettings settings;
  settings.smoothing = 1.0;
  LatencyTracker tracker(probe, settings);
  ASSERT_TRUE(tracker.calibrate(two_nodes()));
  probe.ns[0] = 24;
  tracker.tick();
  EXPECT_LE(tracker.loaded(NodeId{0}), tracker.loaded(NodeId{1}));
}

TEST(LatencyTracker, AReadingOutOfAllProportionCountsForWhatSaturationCanDo) {
  SettableProbe probe;
  probe.ns = {{0, 100}, {1, 300}};
  LatencySettings settings;
  settings.smoothing = 1.0;
  LatencyTracker tracker(probe, settings);
  ASSERT_TRUE(tracker.calibrate(two_nodes()));
  probe.ns[0] = 5312;
  tracker.tick();
  EXPECT_EQ(tracker.loaded(NodeId{0}), nanoseconds(500));
  EXPECT_THAT(tracker.load_doubts()[NodeId{0}], testing::HasSubstr("counts as 5.0 times"));
  probe.ns[0] = 100;
  tracker.tick();
  EXPECT_EQ(tracker.loaded(NodeId{0}), nanoseconds(100));
  EXPECT_TRUE(tracker.load_doubts().empty());
}

TEST(LatencyTracker, FirmwaresFigureOfAFullNodeIsScaledToTheProbe) {
  SettableProbe probe;
  probe.ns = {{0, 90}};
  LatencyTracker tracker(probe, {});
  const auto topology = tracker.calibrate(two_nodes());
  ASSERT_TRUE(topology);
  EXPECT_TRUE(topology->tiered());
  EXPECT_EQ(topology->find(NodeId{0})->latency_source, FactSource::kProbe) << "each node by itself";
  EXPECT_EQ(topology->find(NodeId{1})->latency_source, FactSource::kFirmware);
  EXPECT_EQ(topology->find(NodeId{1})->read_latency, nanoseconds(270)) << "nine tenths, as node 0's";
  EXPECT_THAT(tracker.story(), testing::HasSubstr("node1: not measured"));
}

TEST(LatencyTracker, FirmwareThatTheProbeBeliesIsDoubtedWithBothFigures) {
  SettableProbe probe;
  probe.ns = {{0, 90}, {1, 40}};
  LatencyTracker tracker(probe, {});
  const auto topology = tracker.calibrate(two_nodes());
  ASSERT_TRUE(topology);
  EXPECT_TRUE(topology->find(NodeId{0})->doubts.empty());
  EXPECT_THAT(
      topology->find(NodeId{1})->doubts,
      testing::ElementsAre(testing::AllOf(testing::HasSubstr("300 ns"), testing::HasSubstr("40 ns"))));
  EXPECT_EQ(topology->find(NodeId{1})->read_latency, nanoseconds(40));
}

TEST(LatencyTracker, ProbeModeRefusesWhereNoNodeCanBeMeasured) {
  SettableProbe probe;
  LatencySettings settings;
  settings.mode = LatencyMode::kProbe;
  LatencyTracker tracker(probe, settings);
  const auto topology = tracker.calibrate(two_nodes());
  ASSERT_FALSE(topology);
  EXPECT_EQ(topology.error().kind, ErrorKind::kUnsupported);
  EXPECT_FALSE(topology.error().fix.empty());
}

TEST(LatencyTracker, AFullNodeDoesNotEndProbeModeAndIsMeasuredLater) {
  SettableProbe probe;
  probe.ns = {{0, 90}};
  LatencySettings settings;
  settings.mode = LatencyMode::kProbe;
  LatencyTracker tracker(probe, settings);
  auto topology = tracker.calibrate(two_nodes());
  ASSERT_TRUE(topology);
  EXPECT_EQ(topology->find(NodeId{1})->latency_source, FactSource::kDistance);
  tracker.tick();
  EXPECT_FALSE(tracker.stale());
  probe.ns[1] = 280;
  tracker.tick();
  EXPECT_TRUE(tracker.stale());
  topology = tracker.calibrate(two_nodes());
  ASSERT_TRUE(topology);
  EXPECT_EQ(topology->find(NodeId{1})->read_latency, nanoseconds(280));
  EXPECT_EQ(topology->find(NodeId{1})->latency_source, FactSource::kProbe);
  EXPECT_FALSE(tracker.stale());
}

TEST(LatencyTracker, ALoadedReadingOfOneNodeAloneRaisesNoFactor) {
  SettableProbe probe;
  probe.ns = {{1, 300}};
  LatencySettings settings;
  settings.smoothing = 1.0;
  LatencyTracker tracker(probe, settings);
  ASSERT_TRUE(tracker.calibrate(two_nodes()));
  probe.ns[1] = 900;
  tracker.tick();
  EXPECT_EQ(tracker.loaded(NodeId{1}), nanoseconds(300)) << "node 0 may be as loaded, nobody knows";
  EXPECT_EQ(tracker.loaded(NodeId{0}), nanoseconds(100));
}

TEST(LatencyTracker, UnloadedIsTheSmallestReadingOfLate) {
  SettableProbe probe;
  probe.ns = {{0, 180}, {1, 600}};  // both measured under load at first
  LatencySettings settings;
  settings.smoothing = 1.0;
  LatencyTracker tracker(probe, settings);
  ASSERT_TRUE(tracker.calibrate(two_nodes()));
  probe.ns = {{0, 90}, {1, 300}};
  tracker.tick();
  EXPECT_EQ(tracker.loaded(NodeId{0}), nanoseconds(90));
  probe.ns = {{0, 180}, {1, 300}};
  tracker.tick();
  EXPECT_EQ(tracker.loaded(NodeId{0}), nanoseconds(180));
  LatencyFloor floor;
  floor.add(nanoseconds(50));
  for (int i = 0; i < 10'000; ++i) floor.add(nanoseconds(100));
  EXPECT_EQ(floor.value(), nanoseconds(100)) << "what was once is forgotten";
}

TEST(LatencyTracker, TheAdministratorsWordWins) {
  SettableProbe probe;
  probe.ns = {{0, 90}, {1, 92}};
  LatencySettings settings;
  settings.overrides[1] = nanoseconds(400);
  LatencyTracker tracker(probe, settings);
  const auto topology = tracker.calibrate(two_nodes());
  ASSERT_TRUE(topology);
  EXPECT_TRUE(topology->tiered());
  EXPECT_EQ(tracker.loaded(NodeId{1}), nanoseconds(400));
}

TEST(LatencyTracker, StretchRisesWithTheShareAndEndsWhereItIsTooSteep) {
  EXPECT_DOUBLE_EQ(latency_stretch(-1), 1);
  EXPECT_DOUBLE_EQ(latency_stretch(0), 1);
  for (double share = 0; share < 0.9; share += 0.05)
    EXPECT_GT(latency_stretch(share + 0.05), latency_stretch(share)) << share;
  EXPECT_DOUBLE_EQ(latency_stretch(0.8), 1.6);
  EXPECT_DOUBLE_EQ(latency_stretch(0.9), 2.3);
  EXPECT_DOUBLE_EQ(latency_stretch(30), 2.3) << "firmware told too little";
}

class TrafficTest : public ::testing::Test {
 protected:
  TrafficTest() {
    settings_.smoothing = 1.0;
    nodes_[0].read_bandwidth = Bytes{100'000'000'000}, nodes_[1].read_bandwidth = Bytes{20'000'000'000};
  }
  Nanoseconds loaded(std::initializer_list<int> measured, std::vector<NodeTraffic> traffic) {
    SettableProbe probe;
    for (const int node : measured) probe.ns[node] = 100;
    LatencyTracker tracker(probe, settings_);
    EXPECT_TRUE(tracker.calibrate(nodes_));
    tracker.tick(traffic);
    return tracker.loaded(NodeId{1});
  }

  LatencySettings settings_;
  std::vector<NumaNode> nodes_ = two_nodes();
};

TEST_F(TrafficTest, ANodeOutOfTheProbesReachIsEstimatedFromItsTraffic) {
  EXPECT_EQ(loaded({0}, {{NodeId{0}, 1e9}, {NodeId{1}, 16e9}}), nanoseconds(480)) << "four fifths used";
  EXPECT_EQ(loaded({}, {{NodeId{0}, 1e9}, {NodeId{1}, 0}}), nanoseconds(300));
}

TEST_F(TrafficTest, WhatIsMeasuredIsBelieved) {
  settings_.mode = LatencyMode::kFirmware;
  EXPECT_EQ(loaded({0, 1}, {{NodeId{0}, 1e9}, {NodeId{1}, 16e9}}), nanoseconds(300));
}

// Else every promotion would look like a loss.
TEST_F(TrafficTest, ANodeThatIsNearlyIdleByItsTrafficIsNotSlowerThanTheTierBelow) {
  SettableProbe probe;
  probe.ns = {{0, 100}, {1, 300}};
  LatencyTracker tracker(probe, settings_);
  ASSERT_TRUE(tracker.calibrate(nodes_));
  probe.ns[0] = 450;
  tracker.tick(std::vector<NodeTraffic>{{NodeId{0}, 2e9}, {NodeId{1}, 1e9}});
  EXPECT_LT(tracker.loaded(NodeId{0}), nanoseconds(200));
  EXPECT_FALSE(tracker.load_doubts().empty());
  tracker.tick(std::vector<NodeTraffic>{{NodeId{0}, 80e9}, {NodeId{1}, 1e9}});
  EXPECT_EQ(tracker.loaded(NodeId{0}), nanoseconds(240)) << "what the traffic makes possible";
  tracker.tick();
  EXPECT_EQ(tracker.loaded(NodeId{0}), nanoseconds(450)) << "nothing is counted: it may be loaded";
}

TEST_F(TrafficTest, WithoutMeterOrBandwidthNothingIsEstimated) {
  EXPECT_EQ(loaded({0}, {}), nanoseconds(300));
  EXPECT_EQ(loaded({0}, {{NodeId{0}, 1e9}}), nanoseconds(300));
  EXPECT_EQ(loaded({0}, {{NodeId{1}, 16e9}}), nanoseconds(300)) << "node 0's may be counted as node 1's";
  nodes_[1].read_bandwidth.reset();
  EXPECT_EQ(loaded({0}, {{NodeId{0}, 1e9}, {NodeId{1}, 16e9}}), nanoseconds(300));
}

TEST(LatencyTracker, ANodeThatStopsAnsweringKeepsItsLastFigure) {
  SettableProbe probe;
  probe.ns = {{0, 100}, {1, 300}};
  LatencyTracker tracker(probe, {});
  ASSERT_TRUE(tracker.calibrate(two_nodes()));
  probe.ns.erase(1);
  tracker.tick();
  EXPECT_EQ(tracker.loaded(NodeId{1}), nanoseconds(300));
}

}  // namespace
}  // namespace tier
