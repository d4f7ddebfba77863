#include "predictor/forecaster.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <random>
#include <set>

#include "core/score.h"
#include "predictor/network/learned.h"

namespace tier {
namespace {

constexpr double kWeight = 1000;  // accesses one sample stands for

// Regions with given rates (samples per tick), Poisson-sampled.
class World {
 public:
  World(std::vector<double> rates, std::uint32_t seed) : rates_(std::move(rates)), random_(seed) {}

  RegionSnapshot tick() {
    RegionSnapshot snapshot;
    snapshot.sequence = ++sequence_;
    for (std::size_t i = 0; i < rates_.size(); ++i) {
      Region region;
      region.key = {{1}, i * kDefaultRegionSize.value};
      region.age = static_cast<std::uint32_t>(sequence_ + 100);
      if (rates_[i] > 0)
        region.samples = static_cast<std::uint32_t>(std::poisson_distribution<int>(rates_[i])(random_));
      region.demand = {kWeight * region.samples};
      snapshot.regions.push_back(region);
    }
    return snapshot;
  }
  std::vector<double>& rates() { return rates_; }

 private:
  std::vector<double> rates_;
  std::mt19937 random_;
  std::uint64_t sequence_ = 0;
};

std::vector<double> hot_set(std::size_t regions, std::size_t hot, double samples_per_tick,
                            std::size_t shift = 0) {
  std::vector<double> rates(regions, 0.1 * samples_per_tick / static_cast<double>(regions - hot));
  for (std::size_t i = 0; i < hot; ++i)
    rates[(i * 37 + shift) % regions] = 0.9 * samples_per_tick / static_cast<double>(hot);
  return rates;
}

std::vector<double> means(const ForecastSet& set) {
  std::vector<double> out;
  for (const DemandForecast& forecast : set.forecasts) out.push_back(forecast.horizons[0].mean);
  return out;
}

// A node that goes offline takes with it what was known of how well it is seen; its regions lie elsewhere
// then.
TEST(ExponentialAverage, OutlivesTheNodeThatARegionLayOn) {
  World world(hot_set(100, 10, 40), 3);
  auto forecaster = make_forecaster("exponential-average");
  ForecastSet set;
  for (int t = 0; t < 40; ++t) {
    const bool both = t < 20;
    RegionSnapshot snapshot = world.tick();
    snapshot.visibility = {{NodeId{0}, 1 / kWeight}};
    if (both) snapshot.visibility.push_back({NodeId{1}, 1 / kWeight});
    for (Region& region : snapshot.regions) region.node = NodeId{both ? 1 : 0};
    set = forecaster->forecast(snapshot);
  }
  const std::vector<double> forecast = means(set);
  for (std::size_t i = 0; i < forecast.size(); ++i)
    EXPECT_EQ(forecast[i] > kWeight, world.rates()[i] > 1) << i << ": " << forecast[i];
}

// Stall samples show a node in proportion to its latency: a region that moves to one ten times as fast leaves
// a tenth of its samples, each of which stands for ten times the accesses.
TEST(ExponentialAverage, ARegionThatMovesToAFasterNodeIsStillWanted) {
  constexpr std::size_t kHot = 20, kMoved = 10;
  constexpr double kRate = 8, kFaster = 10;
  std::mt19937 random(5);
  auto forecaster = make_forecaster("exponential-average");
  std::vector<double> moved, stayed;
  for (std::uint64_t t = 1; t <= 60; ++t) {
    RegionSnapshot snapshot;
    snapshot.sequence = t;
    snapshot.visibility = {{NodeId{0}, 1 / (kWeight * kFaster)}, {NodeId{1}, 1 / kWeight}};
    for (std::size_t i = 0; i < 200; ++i) {
      Region region;
      region.key = {{1}, i * kDefaultRegionSize.value};
      region.age = static_cast<std::uint32_t>(t + 100);
      const bool fast = t > 30 && i < kMoved;
      region.node = NodeId{fast ? 0 : 1};
      const double rate = i < kHot ? kRate : 0.05;
      region.samples =
          static_cast<std::uint32_t>(std::poisson_distribution<int>(fast ? rate / kFaster : rate)(random));
      region.demand = {kWeight * region.samples * (fast ? kFaster : 1)};
      snapshot.regions.push_back(region);
    }
    const auto mean = means(forecaster->forecast(snapshot));
    if (t <= 32) continue;
    for (std::size_t i = 0; i < kHot; ++i) (i < kMoved ? moved : stayed).push_back(mean[i]);
  }
  const auto average = [](const std::vector<double>& v) {
    return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
  };
  EXPECT_NEAR(average(stayed), kRate * kWeight, 0.1 * kRate * kWeight);
  EXPECT_NEAR(average(moved), kRate * kWeight, 0.2 * kRate * kWeight);
  const auto forgotten =
      std::count_if(moved.begin(), moved.end(), [](double m) { return m < 0.3 * kRate * kWeight; });
  EXPECT_LT(forgotten, 0.05 * static_cast<double>(moved.size()));
}

// Random weights: what holds of every forecaster holds whatever a model says.
std::shared_ptr<const NamedModel> untrained() {
  return std::make_shared<const NamedModel>(NamedModel{Model::random({}, 3), "untrained", {}});
}

class EveryForecaster : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Forecaster> forecaster_ = forecaster_maker(untrained())(GetParam());
};

TEST_P(EveryForecaster, KeepsTheSnapshotsOrderAndOrdersItsQuantiles) {
  World world(hot_set(200, 20, 60), 1);
  for (int t = 0; t < 30; ++t) {
    const RegionSnapshot snapshot = world.tick();
    const ForecastSet set = forecaster_->forecast(snapshot);
    EXPECT_EQ(set.sequence, snapshot.sequence);
    EXPECT_EQ(set.forecaster, GetParam());
    ASSERT_EQ(set.forecasts.size(), snapshot.regions.size());
    for (std::size_t i = 0; i < set.forecasts.size(); ++i) {
      EXPECT_EQ(set.forecasts[i].key, snapshot.regions[i].key);
      for (const DemandQuantiles& q : set.forecasts[i].horizons) {
        EXPECT_GE(q.low, 0);
        EXPECT_LE(q.low, q.high);
        EXPECT_GE(q.mean, q.low);
        EXPECT_TRUE(std::isfinite(q.high));
      }
    }
  }
}

TEST_P(EveryForecaster, FindsASteadyHotSet) {
  World world(hot_set(600, 64, 200), 2);
  ForecastSet set;
  for (int t = 0; t < 20; ++t) set = forecaster_->forecast(world.tick());
  const auto expected = means(set);
  const std::vector<float> forecast(expected.begin(), expected.end());
  const std::vector<float> rates(world.rates().begin(), world.rates().end());
  std::vector<float> scratch;
  const double share =
      captured_demand(forecast, rates, 85, scratch) / captured_demand(rates, rates, 85, scratch);
  std::printf("%s: steady hot set, hit share %.3f\n", GetParam(), share);
  EXPECT_GT(share, std::string(GetParam()) == "last-value" ? 0.85 : 0.99);
}

TEST_P(EveryForecaster, SurvivesNothing) {
  RegionSnapshot empty;
  empty.sequence = 1;
  EXPECT_TRUE(forecaster_->forecast(empty).forecasts.empty());
  World silent(std::vector<double>(10, 0.0), 3);
  const ForecastSet set = forecaster_->forecast(silent.tick());
  for (const DemandForecast& forecast : set.forecasts) EXPECT_EQ(forecast.horizons[0].mean, 0);
}

INSTANTIATE_TEST_SUITE_P(Table, EveryForecaster,
                         ::testing::Values("last-value", "exponential-average", "frequency-decay", "switch",
                                           "learned"));

TEST(ForecasterTable, NamesAreDistinctAndMadeForecastersSayThem) {
  std::set<std::string> names;
  for (const ForecasterEntry& entry : forecaster_table()) {
    EXPECT_TRUE(names.insert(entry.name).second);
    // Without a model the learned one is the switch, and says so.
    EXPECT_EQ(entry.make()->name(), entry.name == std::string(kLearnedForecaster) ? "switch" : entry.name);
    EXPECT_GT(std::string(entry.description).size(), 10u);
  }
  EXPECT_EQ(names.size(), 5u);
  EXPECT_EQ(make_forecaster("tarot"), nullptr);
}

TEST(LastValue, IsTheLastValue) {
  auto forecaster = make_forecaster("last-value");
  World world({5, 0, 1}, 4);
  for (int t = 0; t < 5; ++t) {
    const RegionSnapshot snapshot = world.tick();
    const ForecastSet set = forecaster->forecast(snapshot);
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_FLOAT_EQ(set.forecasts[i].horizons[2].mean,
                      static_cast<float>(snapshot.regions[i].demand.value));
  }
}

TEST(FrequencyDecay, ConvergesToTheTrueRate) {
  auto forecaster = make_forecaster("frequency-decay");
  World world({20, 3}, 5);
  ForecastSet set;
  for (int t = 0; t < 200; ++t) set = forecaster->forecast(world.tick());
  EXPECT_NEAR(set.forecasts[0].horizons[0].mean, 20 * kWeight, 0.15 * 20 * kWeight);
  EXPECT_NEAR(set.forecasts[1].horizons[0].mean, 3 * kWeight, 0.3 * 3 * kWeight);
}

// Share of regions whose true demand lies below the low and above the high quantile.
std::pair<double, double> outside(World& world, int ticks) {
  auto forecaster = make_forecaster("exponential-average");
  double below = 0, above = 0, count = 0;
  for (int t = 0; t < ticks; ++t) {
    const ForecastSet set = forecaster->forecast(world.tick());
    if (t < 3) continue;
    for (std::size_t i = 0; i < set.forecasts.size(); ++i) {
      const double truth = world.rates()[i] * kWeight;
      below += truth < set.forecasts[i].horizons[1].low;
      above += truth > set.forecasts[i].horizons[1].high;
      ++count;
    }
  }
  return {below / count, above / count};
}

TEST(ExponentialAverage, IsCalibratedOnFewSamplesOfManyRates) {
  std::mt19937 random(6);
  std::gamma_distribution<double> gamma(0.8, 0.4);
  std::vector<double> rates(700);
  for (double& rate : rates) rate = gamma(random);
  World world(rates, 7);
  const auto [below, above] = outside(world, 30);
  std::printf("exponential-average: truth below low %.3f (0.1), above high %.3f (0.1)\n", below, above);
  EXPECT_NEAR(below, 0.1, 0.05);
  EXPECT_NEAR(above, 0.1, 0.05);
}

TEST(ExponentialAverage, HotRegionsAreCalibratedToo) {
  World world(hot_set(600, 64, 100), 8);
  auto forecaster = make_forecaster("exponential-average");
  double below = 0, above = 0, count = 0;
  for (int t = 0; t < 40; ++t) {
    const ForecastSet set = forecaster->forecast(world.tick());
    if (t < 5) continue;
    for (std::size_t i = 0; i < 600; ++i) {
      if (world.rates()[i] < 1) continue;
      below += world.rates()[i] * kWeight < set.forecasts[i].horizons[0].low;
      above += world.rates()[i] * kWeight > set.forecasts[i].horizons[0].high;
      ++count;
    }
  }
  std::printf("exponential-average: hot regions, truth below low %.3f, above high %.3f\n", below / count,
              above / count);
  EXPECT_LT(below / count, 0.15);
  EXPECT_LT(above / count, 0.2) << "the prior, mostly of cold regions, pulls a little";
}

TEST(ExponentialAverage, ShrinksLuckToTheMeanWhereAllRegionsAreAlike) {
  World world(std::vector<double>(600, 1.0 / 3), 9);
  auto forecaster = make_forecaster("exponential-average");
  ForecastSet set;
  for (int t = 0; t < 30; ++t) set = forecaster->forecast(world.tick());
  float least_high = 1e9F, most_low = 0;
  for (const DemandForecast& forecast : set.forecasts) {
    least_high = std::min(least_high, forecast.horizons[0].high);
    most_low = std::max(most_low, forecast.horizons[0].low);
  }
  EXPECT_LT(most_low, least_high) << "no region is surely hotter than any other";
}

// Ticks until the mean forecast of a region whose rate jumps is within a third of the new rate.
int ticks_to_follow(double from, double to) {
  int worst = 0;
  for (std::uint32_t seed = 0; seed < 9; ++seed) {
    std::vector<double> rates = hot_set(600, 64, 200);
    for (std::size_t i = 0; i < 20; ++i) rates[i * 30 + 1] = from;
    World world(rates, 100 + seed);
    auto forecaster = make_forecaster("exponential-average");
    for (int t = 0; t < 60; ++t) forecaster->forecast(world.tick());
    for (std::size_t i = 0; i < 20; ++i) world.rates()[i * 30 + 1] = to;
    int ticks = 0;
    double mean = 0;
    do {
      const ForecastSet set = forecaster->forecast(world.tick());
      mean = 0;
      for (std::size_t i = 0; i < 20; ++i) mean += set.forecasts[i * 30 + 1].horizons[0].mean / 20;
      ++ticks;
    } while (std::abs(mean - to * kWeight) > std::abs(to - from) * kWeight / 3 && ticks < 60);
    worst = std::max(worst, ticks);
  }
  return worst;
}

TEST(ExponentialAverage, FollowsAJumpInEitherDirectionWithinAFewTicks) {
  const int up = ticks_to_follow(0.04, 2.8), down = ticks_to_follow(2.8, 0.04);
  std::printf("exponential-average: two thirds of a jump after %d ticks up, %d down\n", up, down);
  EXPECT_LE(up, 3);
  EXPECT_LE(down, 3);
}

TEST(ExponentialAverage, ASteadyRegionIsKnownBetterThanAnyShortAverageKnowsIt) {
  World world(hot_set(600, 64, 200), 10);
  auto average = make_forecaster("exponential-average"), last = make_forecaster("last-value");
  double loss_average = 0, loss_last = 0;
  for (int t = 0; t < 60; ++t) {
    const RegionSnapshot snapshot = world.tick();
    const ForecastSet a = average->forecast(snapshot), l = last->forecast(snapshot);
    if (t < 20) continue;
    for (std::size_t i = 0; i < 600; ++i) {
      const double truth = world.rates()[i] * kWeight;
      for (const double q : {0.1, 0.9}) {
        const auto pick = [&](const ForecastSet& set) {
          return q < 0.5 ? set.forecasts[i].horizons[1].low : set.forecasts[i].horizons[1].high;
        };
        loss_average += pinball_loss(truth, pick(a), q);
        loss_last += pinball_loss(truth, pick(l), q);
      }
    }
  }
  EXPECT_LT(loss_average, 0.4 * loss_last);
}

TEST(ExponentialAverage, TicksOutsideTheSnapshotWereSilent) {
  auto forecaster = make_forecaster("exponential-average");
  World world(hot_set(100, 10, 40), 11);
  ForecastSet set;
  for (int t = 0; t < 40; ++t) set = forecaster->forecast(world.tick());
  const float before = set.forecasts[0].horizons[0].mean;
  for (int t = 0; t < 50; ++t) {
    RegionSnapshot partial = world.tick();
    partial.regions.erase(partial.regions.begin());
    partial.quiet = 1;
    forecaster->forecast(partial);
  }
  RegionSnapshot back = world.tick();
  back.regions[0].samples = 0, back.regions[0].demand = {};
  set = forecaster->forecast(back);
  EXPECT_GT(before, 2 * kWeight);
  EXPECT_LT(set.forecasts[0].horizons[0].mean, before / 5);
}

// No hypothesis, not even a change, expected silence: so unlikely that the probabilities vanish in a float.
TEST(ExponentialAverage, WhatNobodyExpectedIsFollowedToo) {
  auto forecaster = make_forecaster("exponential-average");
  World world(std::vector<double>(50, 20'000), 4);
  for (int t = 0; t < 60; ++t) forecaster->forecast(world.tick());
  for (const double rate : {0.0, 20'000.0}) {
    world.rates()[7] = rate;
    ForecastSet set;
    for (int t = 0; t < 6; ++t) set = forecaster->forecast(world.tick());
    EXPECT_NEAR(set.forecasts[7].horizons[0].mean, rate * kWeight, 2000 * kWeight);
    EXPECT_NEAR(set.forecasts[8].horizons[0].mean, 20'000 * kWeight, 500 * kWeight);
  }
}

TEST(ExponentialAverage, MemoryIsBoundedWhenRegionsComeAndGo) {
  auto forecaster = make_forecaster("exponential-average");
  std::size_t most = 0;
  for (std::uint64_t t = 0; t < 2000; ++t) {
    RegionSnapshot snapshot;
    snapshot.sequence = t + 1;
    for (std::uint64_t i = 0; i < 4; ++i) {
      Region region;
      region.key = {{1}, (t * 4 + i) << 21};
      region.samples = 1;
      region.demand = {kWeight};
      snapshot.regions.push_back(region);
    }
    forecaster->forecast(snapshot);
    if (t == 600) most = forecaster->bytes_used();
  }
  EXPECT_LE(forecaster->bytes_used(), 2 * most);
}

}  // namespace
}  // namespace tier
