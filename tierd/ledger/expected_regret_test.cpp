#include "tierd/ledger/expected_regret.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

using std::chrono::nanoseconds;

// Node 0 answers after 100 ns, node 1 after 400; the fast one has no room beside what lies there.
struct Machine {
  RegionSnapshot snapshot;
  ForecastSet forecasts;
  SystemState system;
  TierTopology topology;

  Machine() {
    topology.tiers.resize(2);
    topology.tiers[0].nodes = {NodeId{0}};
    topology.tiers[1].nodes = {NodeId{1}};
    topology.tiers[1].rank = 1;
    for (const int node : {0, 1}) {
      NodeState& state = system.nodes.emplace_back();
      state.node = NodeId{node};
      state.loaded_latency = nanoseconds(node == 0 ? 100 : 400);
      state.online = true;
    }
  }

  void add(int node, float expected) {
    Region& region = snapshot.regions.emplace_back();
    region.key.start = snapshot.regions.size() << 21;
    region.node = NodeId{node};
    region.resident = 2_MiB;
    DemandForecast forecast{region.key, {}};
    forecast.horizons.fill({0, expected, expected});
    forecasts.forecasts.push_back(forecast);
  }

  double regret() const { return expected_regret(snapshot, forecasts, system, topology).value; }
};

TEST(ExpectedRegret, IsWhatAChangeOfPlacesWouldSave) {
  Machine machine;
  machine.add(0, 10);
  machine.add(1, 1000);
  EXPECT_NEAR(machine.regret(), 990 * 300e-9, 1e-12);
}

TEST(ExpectedRegret, NothingWhereTheHottestIsFastOrAllIsAlike) {
  Machine placed;
  placed.add(0, 1000);
  placed.add(1, 10);
  EXPECT_EQ(placed.regret(), 0);
  Machine alike;
  for (int i = 0; i < 10; ++i) alike.add(i < 2 ? 0 : 1, 100);
  EXPECT_NEAR(alike.regret(), 0, 1e-12);
  alike.add(1, 200);
  EXPECT_NEAR(alike.regret(), 100 * 300e-9, 1e-12);
}

TEST(ExpectedRegret, RoomOfTheFastTierCounts) {
  Machine machine;
  machine.add(1, 1000);
  EXPECT_EQ(machine.regret(), 0) << "nowhere to go";
  machine.system.nodes[0].free = 64_MiB;
  EXPECT_NEAR(machine.regret(), 1000 * 300e-9, 1e-12);
}

// Were it left out nothing would be at stake while places are asked for, and they would be asked for ever
// more rarely.
TEST(ExpectedRegret, WhatHasNoKnownPlaceIsTakenToBeSlow) {
  Machine machine;
  machine.add(0, 10);
  machine.add(-1, 1000);
  machine.snapshot.regions.back().resident = {};
  machine.snapshot.regions.back().range = {machine.snapshot.regions.back().key.start,
                                           machine.snapshot.regions.back().key.start + (2_MiB).value};
  EXPECT_NEAR(machine.regret(), 990 * 300e-9, 1e-12);
}

TEST(ExpectedRegret, OneTierHasNoChoice) {
  Machine machine;
  machine.add(0, 1);
  machine.add(1, 1000);
  machine.topology.tiers.resize(1);
  EXPECT_EQ(machine.regret(), 0);
  machine.topology.tiers.resize(2);
  machine.forecasts.forecasts.clear();
  EXPECT_EQ(machine.regret(), 0) << "a forecast of another snapshot";
}

}  // namespace
}  // namespace tier
