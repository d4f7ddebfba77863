#include "predictor/switch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "predictor/snapshot_fixture.h"

namespace tier {
namespace {

using Samples = std::vector<double>;

// Says what it is told, of any row.
struct Script {
  std::function<float(std::size_t row)> says = [](std::size_t) { return 0.0F; };
  bool ready = true;
  int forgot = 0;
};

class Scripted final : public Expert {
 public:
  explicit Scripted(Script& script) : script_(script) {}
  bool ready() const override { return script_.ready; }
  void forecast(const RegionStatistics&, std::size_t, const Rows& rows, std::span<float> out) const override {
    rows.fill(out, [&](std::size_t row) { return script_.says(row); });
  }
  void forget() override { ++script_.forgot; }

 private:
  Script& script_;
};

// Two experts, one sure of the low half of a hundred regions, the other of the high half.
class TwoExperts : public ::testing::Test {
 protected:
  TwoExperts() {
    low_.says = [](std::size_t row) { return row < 50 ? 4000.0F : 100.0F; };
    high_.says = [](std::size_t row) { return row < 50 ? 100.0F : 4000.0F; };
  }
  static SwitchSettings settings() {
    SwitchSettings settings;
    settings.blend = false;
    settings.first = "low";
    settings.fast_share = 0.5;
    return settings;
  }
  ForecastSet tick(Switch& follower, bool low_is_hot) {
    Samples samples(100);
    for (std::size_t i = 0; i < 100; ++i)
      samples[i] = std::poisson_distribution<int>((i < 50) == low_is_hot ? 4 : 0.1)(random_);
    return follower.forecast(snapshot_of(samples, ++sequence_));
  }
  Script low_, high_;
  std::vector<ExpertEntry> table_ = {
      {"low", "the low half", [this] { return std::make_unique<Scripted>(low_); }},
      {"high", "the high half", [this] { return std::make_unique<Scripted>(high_); }}};
  std::mt19937 random_{1};
  std::uint64_t sequence_ = 0;
};

TEST_F(TwoExperts, TheBetterOneLeadsAtEveryHorizon) {
  Switch follower(settings(), table_);
  for (int t = 0; t < 40; ++t) tick(follower, false);
  const SwitchStatus status = follower.describe();
  for (std::size_t h = 0; h < kHorizons.size(); ++h) {
    EXPECT_EQ(status.leader[h], "high");
    EXPECT_EQ(status.changes[h], 1U);
    EXPECT_GT(status.experts[1].score[h], status.experts[0].score[h] + 0.5);
    EXPECT_NEAR(status.experts[1].captured[h], 4 / 4.1, 0.03);
  }
  const ForecastSet set = tick(follower, false);
  EXPECT_EQ(set.forecaster, "switch");
  EXPECT_EQ(set.forecasts[7].horizons[0].mean, 100);
  EXPECT_EQ(set.forecasts[70].horizons[2].mean, 4000);
}

TEST_F(TwoExperts, AChangeIsADriftAndTheLeaderChanges) {
  Switch follower(settings(), table_);
  for (int t = 0; t < 60; ++t) tick(follower, true);
  EXPECT_EQ(follower.describe().drift_resets, 0U);
  EXPECT_EQ(low_.forgot, 0);
  int ticks = 0;
  do tick(follower, false), ++ticks;
  while (follower.describe().leader[0] != "high" && ticks < 40);
  EXPECT_LE(ticks, 12);
  EXPECT_EQ(follower.describe().drift_resets, 1U);
  EXPECT_EQ(low_.forgot, 1);
  for (int t = 0; t < 20; ++t) tick(follower, false);
  EXPECT_EQ(follower.describe().leader[2], "high");
  EXPECT_EQ(follower.describe().drift_resets, 1U) << "once";
}

TEST_F(TwoExperts, WithoutDriftResetsItTakesLonger) {
  const auto ticks_to_change = [&](double drift) {
    SwitchSettings with = settings();
    with.drift = drift;
    Switch follower(with, table_);
    for (int t = 0; t < 60; ++t) tick(follower, true);
    int ticks = 0;
    do tick(follower, false), ++ticks;
    while (follower.describe().leader[0] != "high" && ticks < 80);
    return ticks;
  };
  EXPECT_LT(ticks_to_change(0.85), ticks_to_change(0));
}

TEST_F(TwoExperts, WhoSaysNoNumbersIsBarred) {
  Switch follower(settings(), table_);
  for (int t = 0; t < 30; ++t) tick(follower, true);
  low_.says = [](std::size_t row) { return row == 9 ? NAN : 4000.0F; };
  ForecastSet set = tick(follower, true);
  for (const DemandForecast& forecast : set.forecasts)
    for (const DemandQuantiles& quantiles : forecast.horizons) EXPECT_TRUE(std::isfinite(quantiles.high));
  SwitchStatus status = follower.describe();
  EXPECT_TRUE(status.experts[0].barred);
  EXPECT_EQ(status.leader[0], "high");
  low_.says = [](std::size_t row) { return row < 50 ? 4000.0F : 100.0F; };
  for (int t = 0; t < 100; ++t) tick(follower, true);
  EXPECT_EQ(follower.describe().leader[0], "low") << "not for ever";
  high_.says = low_.says = [](std::size_t) { return -1.0F; };
  set = tick(follower, true);
  for (const DemandForecast& forecast : set.forecasts)
    EXPECT_EQ(forecast.horizons[1].mean, 0) << "nobody left";
}

TEST_F(TwoExperts, WhoIsLateIsLeftOut) {
  Switch follower(settings(), table_);
  for (int t = 0; t < 30; ++t) tick(follower, true);
  low_.ready = false;
  EXPECT_EQ(tick(follower, true).forecasts[3].horizons[0].mean, 100);
  EXPECT_TRUE(follower.describe().experts[0].barred);
  low_.ready = true;
  EXPECT_EQ(tick(follower, true).forecasts[3].horizons[0].mean, 4000) << "its scores were kept";
}

TEST_F(TwoExperts, ABlendOfBothIsBetterThanEither) {
  // Both halves are used, the high one three times as hard; each expert knows of one.
  SwitchSettings with = settings();
  with.blend = true;
  with.fast_share = 0.25;
  low_.says = [](std::size_t row) { return row < 50 && row % 2 == 0 ? 4000.0F : 0.0F; };
  high_.says = [](std::size_t row) { return row >= 50 && row % 2 == 0 ? 4000.0F : 0.0F; };
  Switch follower(with, table_);
  ForecastSet set;
  for (int t = 0; t < 80; ++t) {
    Samples samples(100);
    for (std::size_t i = 0; i < 100; ++i)
      samples[i] = i % 2 == 1 ? 0 : std::poisson_distribution<int>(i < 50 ? 1 : 3)(random_);
    set = follower.forecast(snapshot_of(samples, ++sequence_));
  }
  EXPECT_EQ(follower.describe().leader[0], "blend");
  EXPECT_NEAR(set.forecasts[0].horizons[0].mean, 1000, 200);
  EXPECT_NEAR(set.forecasts[60].horizons[0].mean, 3000, 400);
  EXPECT_EQ(set.forecasts[1].horizons[0].mean, 0);
}

// One expert knows the ten hottest of a hundred, the other the fifty warm ones: who is better depends on how
// much fits.
TEST(Switch, TheFastTiersBytesSayWhoIsBetter) {
  Script hottest, warm;
  hottest.says = [](std::size_t row) { return row < 10 ? 9000.0F : row < 50 ? 10.0F : 100.0F; };
  warm.says = [](std::size_t row) { return row < 10 ? 500.0F : row < 50 ? 1000.0F : 10.0F; };
  const std::vector<ExpertEntry> table = {
      {"hottest", "", [&] { return std::make_unique<Scripted>(hottest); }},
      {"warm", "", [&] { return std::make_unique<Scripted>(warm); }}};
  const auto leader_with = [&](std::uint64_t regions_fast) {
    SwitchSettings settings;
    settings.blend = false;
    settings.contest.level_weight = 0;
    Switch follower(settings, table);
    NodeContext node;
    node.tiers.resize(2);
    node.tiers[0].total = {regions_fast * kDefaultRegionSize.value};
    std::mt19937 random(3);
    for (std::uint64_t t = 1; t < 60; ++t) {
      Samples samples(100);
      for (std::size_t i = 0; i < 100; ++i)
        samples[i] = std::poisson_distribution<int>(i < 10 ? 9 : i < 50 ? 4 : 0.1)(random);
      RegionSnapshot snapshot = snapshot_of(samples, t);
      for (Region& region : snapshot.regions) region.resident = kDefaultRegionSize;
      follower.observe(node);
      follower.forecast(snapshot);
    }
    return follower.describe().leader[0];
  };
  EXPECT_EQ(leader_with(10), "hottest");
  EXPECT_EQ(leader_with(50), "warm");
}

TEST(Switch, RegionsOutsideTheSnapshotChangeNothing) {
  // Thousands of silent regions that are only counted: the same forecasts for the others.
  Switch with, without;
  std::mt19937 random(3);
  for (std::uint64_t t = 1; t < 60; ++t) {
    Samples samples(50);
    for (double& each : samples) each = static_cast<double>(random() % 4);
    RegionSnapshot snapshot = snapshot_of(samples, t);
    const ForecastSet b = without.forecast(snapshot);
    snapshot.regions.reserve(100);
    const std::size_t bytes = with.bytes_used();
    const ForecastSet a = with.forecast(snapshot);
    if (t > 40) {
      EXPECT_EQ(with.bytes_used(), bytes);
    }
    for (std::size_t i = 0; i < 50; ++i)
      EXPECT_EQ(a.forecasts[i].horizons[1].mean, b.forecasts[i].horizons[1].mean);
  }
}

TEST(Switch, OneExpertAloneIsFollowedAlways) {
  SwitchSettings settings;
  settings.experts = {"last"};
  Switch follower(settings);
  for (std::uint64_t t = 1; t < 40; ++t) {
    const Samples samples = {static_cast<double>(t % 7), 2};
    const ForecastSet set = follower.forecast(snapshot_of(samples, t));
    EXPECT_EQ(set.forecasts[0].horizons[2].mean, static_cast<float>(kFixtureWeight * samples[0]));
  }
  EXPECT_EQ(follower.describe().experts.size(), 1U);
}

TEST(Switch, MemoryIsBoundedWhenRegionsComeAndGo) {
  Switch follower;
  std::size_t most = 0;
  for (std::uint64_t t = 0; t < 1500; ++t) {
    RegionSnapshot snapshot;
    snapshot.sequence = t + 1;
    for (std::uint64_t i = 0; i < 4; ++i) {
      Region region;
      region.key = {{1}, (t * 4 + i) << 21};
      region.range = {region.key.start, region.key.start + kDefaultRegionSize.value};
      region.samples = 1;
      region.demand = {kFixtureWeight};
      snapshot.regions.push_back(region);
    }
    follower.forecast(snapshot);
    if (t == 600) most = follower.bytes_used();
  }
  EXPECT_LE(follower.bytes_used(), 2 * most);
}

}  // namespace
}  // namespace tier
