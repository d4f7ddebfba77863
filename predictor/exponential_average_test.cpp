// What looking at silent regions in turns changes in the forecasts: within stated bounds, nothing.
#include "predictor/exponential_average.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>

#include "predictor/snapshot_fixture.h"

namespace tier {
namespace {

constexpr std::size_t kRegions = 4096, kHotRegions = 256, kWarmRegions = 512;
constexpr double kHotRate = 0.6, kWarmRate = 0.05, kColdRate = 0.002;  // samples a tick
constexpr std::size_t kEveryTick = 1 << 20, kInTurns = 128;            // regions looked at: all, or an eighth

// A hot set, a warm one, and cold regions on two nodes, of which one shows three times as much. The hot set
// moves in tick 150, and in tick 200 a part of the regions goes to the other node. One region in fifty comes
// and goes.
class Load {
 public:
  RegionSnapshot tick() {
    ++tick_;
    RegionSnapshot snapshot;
    snapshot.sequence = tick_;
    snapshot.quiet = 1000;
    snapshot.visibility = {{NodeId{0}, 1}, {NodeId{1}, 3}};
    for (std::size_t i = 0; i < kRegions; ++i) {
      if (i % 50 == 7 && tick_ / 40 % 2 == 1) continue;
      Region region;
      region.key = {{1}, i * kDefaultRegionSize.value};
      region.age = static_cast<std::uint32_t>(tick_ + 500);
      region.node = NodeId{i % 4 == 0 || (tick_ > 200 && i % 4 == 1) ? 0 : 1};
      const std::size_t place = (i * 37 + (tick_ > 150 ? kHotRegions : 0)) % kRegions;
      const double rate = place < kHotRegions                  ? kHotRate
                          : place < kHotRegions + kWarmRegions ? kWarmRate
                                                               : kColdRate;
      const double seen = region.node == NodeId{0} ? rate / 3 : rate;
      region.samples = static_cast<std::uint32_t>(std::poisson_distribution<int>(seen)(random_));
      region.demand = {1000.0 * region.samples};
      snapshot.regions.push_back(region);
    }
    return snapshot;
  }
  std::uint64_t now() const { return tick_; }

 private:
  std::mt19937 random_{7};
  std::uint64_t tick_ = 0;
};

// How far forecasts in turns are off those that look at every region in every tick: sums over regions and
// ticks, relative. By quantile: low, mean, high.
std::array<double, 3> off_between(std::uint64_t from, std::uint64_t to) {
  Load load;
  const auto exact = make_exponential_average(kEveryTick), in_turns = make_exponential_average(kInTurns);
  std::array<double, 3> off{}, all{};
  while (load.now() < to) {
    const RegionSnapshot snapshot = load.tick();
    const ForecastSet a = exact->forecast(snapshot), b = in_turns->forecast(snapshot);
    EXPECT_EQ(a.forecasts.size(), b.forecasts.size());
    for (std::size_t i = 0; i < a.forecasts.size() && load.now() > from; ++i) {
      EXPECT_EQ(a.forecasts[i].key, b.forecasts[i].key);
      const DemandQuantiles &p = a.forecasts[i].horizons[2], &q = b.forecasts[i].horizons[2];
      off[0] += std::abs(q.low - p.low), off[1] += std::abs(q.mean - p.mean);
      off[2] += std::abs(q.high - p.high);
      all[0] += p.low, all[1] += p.mean, all[2] += p.high;
    }
  }
  for (std::size_t i = 0; i < off.size(); ++i) off[i] /= all[i];
  return off;
}

TEST(ExponentialAverage, LookingInTurnsForecastsTheSameOfASteadyLoad) {
  const auto [low, mean, high] = off_between(30, 150);
  EXPECT_LT(low, 0.02);
  EXPECT_LT(mean, 0.015);
  EXPECT_LT(high, 0.025);
}

// Which share of a group changed is known from samples to a part in ten or so, both ways, and the forecasts
// of a phase that has just begun follow it.
TEST(ExponentialAverage, LookingInTurnsForecastsNearlyTheSameOfALoadThatMoves) {
  const auto [low, mean, high] = off_between(150, 300);
  EXPECT_LT(low, 0.06);
  EXPECT_LT(mean, 0.05);
  EXPECT_LT(high, 0.06);
}

// Where there are not so many regions, every one is looked at in every tick: nothing is approximate.
TEST(ExponentialAverage, FewRegionsAreLookedAtInEveryTick) {
  Load load;
  const auto exact = make_exponential_average(kEveryTick), few = make_exponential_average(kRegions / 2 + 1);
  for (int t = 0; t < 20; ++t) {
    const RegionSnapshot snapshot = load.tick();
    const ForecastSet a = exact->forecast(snapshot), b = few->forecast(snapshot);
    for (std::size_t i = 0; i < a.forecasts.size(); ++i)
      EXPECT_EQ(a.forecasts[i].horizons[0].mean, b.forecasts[i].horizons[0].mean) << t << " " << i;
  }
}

// What was hot a tick ago and is not touched any more is worth nothing now; samples alone say so later.
TEST(ExponentialAverage, MemoryThatNobodyTouchesIsExpectedToStayCold) {
  const auto forecaster = make_exponential_average();
  const std::vector<double> hot = {10, 10, 0, 0}, silent = {10, 0, 0, 0};
  for (std::uint64_t tick = 1; tick < 40; ++tick)
    static_cast<void>(forecaster->forecast(snapshot_of(hot, tick)));
  RegionSnapshot snapshot = snapshot_of(silent, 40);
  snapshot.regions[1].untouched = true;
  ForecastSet set = forecaster->forecast(snapshot);
  EXPECT_GT(set.forecasts[0].horizons[0].mean, 0);
  for (const DemandQuantiles& quantiles : set.forecasts[1].horizons) EXPECT_EQ(quantiles.high, 0);
  snapshot = snapshot_of(silent, 41);
  set = forecaster->forecast(snapshot);
  EXPECT_GT(set.forecasts[1].horizons[0].mean, 0) << "by its samples";
}

}  // namespace
}  // namespace tier
