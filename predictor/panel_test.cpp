#include "predictor/panel.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "predictor/outcomes.h"
#include "predictor/snapshot_fixture.h"

namespace tier {
namespace {

using Samples = std::vector<double>;

TEST(Panel, TakesAllOfFewAndAShareOfMany) {
  for (const std::size_t regions : {0UL, 10UL, 500UL, 5'000UL, 40'000UL}) {
    RegionStatistics statistics;
    Panel panel;
    statistics.observe(snapshot_of(Samples(regions, 1.0)));
    panel.update(statistics);
    if (regions <= 500) {
      EXPECT_EQ(panel.rows().size(), regions);
    } else {
      EXPECT_GT(panel.rows().size(), 100U);
      EXPECT_LT(panel.rows().size(), 2500U);
    }
  }
}

TEST(Panel, SlotsAreKeptAndNotGivenAgainTooSoon) {
  std::mt19937 random(1);
  RegionStatistics statistics;
  Panel panel(64, 64);
  std::map<std::uint32_t, std::pair<RegionKey, int>> last;  // by slot: who had it, and when
  for (int t = 0; t < 200; ++t) {
    Samples samples(t < 100 ? 60 : 600);
    for (double& each : samples) each = random() % 10 == 0 ? -1 : static_cast<double>(random() % 5);
    statistics.observe(snapshot_of(samples));
    panel.update(statistics);
    ASSERT_EQ(panel.rows().size(), panel.slots().size());
    for (std::size_t j = 0; j < panel.rows().size(); ++j) {
      const std::uint32_t slot = panel.slots()[j];
      const RegionKey key = statistics.roster().key(panel.rows()[j]);
      EXPECT_EQ(panel.demand()[slot], statistics.demand()[panel.rows()[j]]);
      const auto it = last.find(slot);
      if (it != last.end() && it->second.first != key) {
        EXPECT_GT(t - it->second.second, kHorizons.back());
      }
      last[slot] = {key, t};
    }
  }
  EXPECT_LT(last.size(), 600U) << "slots are used again";
}

TEST(WaitingOutcomes, WhatCameIsTheMeanOverTheHorizon) {
  RegionStatistics statistics;
  Panel panel;
  WaitingOutcomes waiting(1);
  int seen = 0;
  for (int t = 0; t < 60; ++t) {
    // Region 1 is away now and then: silent.
    statistics.observe(snapshot_of(Samples{static_cast<double>(t), t % 5 == 0 ? -1.0 : 1.0}));
    panel.update(statistics);
    waiting.tick(panel);
    for (std::size_t h = 0; h < kHorizons.size(); ++h) {
      if (const Outcomes* due = waiting.due(h)) {
        const int ahead = kHorizons[h];
        EXPECT_FLOAT_EQ(due->came[0], static_cast<float>(kFixtureWeight * (t - (ahead - 1) / 2.0)));
        EXPECT_EQ(due->of(0)[0], static_cast<float>(t - ahead)) << "made so long ago";
        EXPECT_EQ(due->captured[0], kFixtureWeight * t) << "of the running tick";
        ++seen;
      }
      if (Outcomes* made = waiting.begin(h, panel, 1, 0)) {
        made->of(0)[0] = static_cast<float>(t);
        made->chosen_by(0)[0] = 1;
        made->valid[0] = true;
      }
    }
  }
  EXPECT_EQ(seen, 59 + 28 + 11);
}

}  // namespace
}  // namespace tier
