#include "predictor/experts/experts.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>

#include "predictor/exponential_average.h"
#include "predictor/snapshot_fixture.h"

namespace tier {
namespace {

using Samples = std::vector<double>;

// One expert with its statistics.
class Trial {
 public:
  explicit Trial(std::unique_ptr<Expert> expert) : expert_(std::move(expert)) {}
  void tick(const Samples& samples) { see(snapshot_of(samples, ++sequence_)); }
  void see(const RegionSnapshot& snapshot) {
    statistics_.observe(snapshot);
    expert_->observe(snapshot, statistics_);
  }
  std::vector<float> all(std::size_t horizon) const {
    std::vector<float> out(statistics_.size());
    expert_->forecast(statistics_, horizon, Rows::all(out.size()), out);
    return out;
  }
  // In samples.
  double of(std::size_t row, std::size_t horizon = 0) const { return all(horizon)[row] / kFixtureWeight; }
  const RegionStatistics& statistics() const { return statistics_; }
  Expert& expert() { return *expert_; }

 private:
  std::unique_ptr<Expert> expert_;
  RegionStatistics statistics_;
  std::uint64_t sequence_ = 0;
};

std::string name_of(const ::testing::TestParamInfo<std::size_t>& info) {
  std::string name;
  for (const char c : std::string(expert_table()[info.param].name)) name += std::isalnum(c) != 0 ? c : '_';
  return name;
}

class EveryExpert : public ::testing::TestWithParam<std::size_t> {
 protected:
  Trial trial_{expert_table()[GetParam()].make()};
};

TEST_P(EveryExpert, SaysTheSameOfSomeRowsAsOfAll) {
  std::mt19937 random(GetParam() + 1);
  for (int t = 0; t < 70; ++t) {
    Samples samples(60);
    for (double& each : samples) each = random() % 5 == 0 ? -1 : static_cast<double>(random() % 9);
    trial_.tick(samples);
    const std::vector<std::uint32_t> some = {0, 3, 4, 11,
                                             static_cast<std::uint32_t>(trial_.statistics().size() - 1)};
    for (std::size_t h = 0; h < kHorizons.size(); ++h) {
      const std::vector<float> all = trial_.all(h);
      std::vector<float> part(some.size());
      trial_.expert().forecast(trial_.statistics(), h, Rows::some(some), part);
      for (std::size_t j = 0; j < some.size(); ++j) EXPECT_EQ(part[j], all[some[j]]);
      for (const float value : all) EXPECT_TRUE(std::isfinite(value) && value >= 0);
    }
    if (t == 40) trial_.expert().forget();
  }
}

TEST_P(EveryExpert, KnowsASteadyRegionAndASilentOne) {
  for (int t = 0; t < 100; ++t) trial_.tick({4, 4, 4, 4, 0, 0, 0, 0});
  for (std::size_t h = 0; h < kHorizons.size(); ++h) {
    EXPECT_NEAR(trial_.of(1, h), 4, 0.8) << h;
    EXPECT_LT(trial_.of(6, h), 0.2) << h;
  }
}

TEST_P(EveryExpert, SurvivesNothing) {
  trial_.tick(Samples{});
  EXPECT_TRUE(trial_.all(0).empty());
  trial_.tick({0, 0});
  EXPECT_EQ(trial_.all(2), (std::vector<float>{0, 0}));
  trial_.tick(Samples{});
}

INSTANTIATE_TEST_SUITE_P(Table, EveryExpert, ::testing::Range<std::size_t>(0, expert_table().size()),
                         name_of);

TEST(ExpertTable, NamesAreDistinct) {
  std::set<std::string> names;
  for (const ExpertEntry& entry : expert_table()) EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
}

TEST(LastExpert, IsTheLastTick) {
  Trial trial(make_last_expert());
  trial.tick({3, 0});
  trial.tick({1, 7});
  EXPECT_EQ(trial.all(2), (std::vector<float>{1000, 7000}));
}

TEST(AverageExpert, ForgetsAtItsRate) {
  Trial trial(make_average_expert(1));
  for (int t = 0; t < 300; ++t) trial.tick({10});
  EXPECT_NEAR(trial.of(0), 10, 1e-4);
  for (int t = 0; t < 10; ++t) trial.tick({0});
  EXPECT_NEAR(trial.of(0), 10 * std::pow(0.88, 10), 1e-3);
}

TEST(FrequencyExpert, ABurstCountsNoMoreThanATrickle) {
  Trial trial(make_frequency_expert());
  for (int t = 0; t < 50; ++t) trial.tick({1, t == 25 ? 1000.0 : 0});
  EXPECT_GT(trial.of(0), 20 * trial.of(1));
}

TEST(HoltExpert, GoesOnWithATrendButNotForEver) {
  Trial trial(make_holt_expert());
  for (int t = 0; t < 200; ++t) trial.tick({static_cast<double>(t)});
  // A ramp of 1 a tick: the damped trend reaches 0.85 ahead at 1 tick, at most 0.85 / 0.15 = 5.7 at any.
  EXPECT_GT(trial.of(0, 0), trial.statistics().average(0)[0] / kFixtureWeight);
  EXPECT_GT(trial.of(0, 2), trial.of(0, 0));
  EXPECT_LT(trial.of(0, 2), 199 + 5.7);
  Trial falling(make_holt_expert());
  for (int t = 0; t < 20; ++t) falling.tick(Samples{static_cast<double>(20 - t)});
  EXPECT_GE(falling.of(0, 2), 0);
}

TEST(NeighboursExpert, AveragesOverFiveInARow) {
  Trial trial(make_neighbours_expert());
  for (int t = 0; t < 200; ++t) trial.tick({0, 0, 9, 0, 0, -1, 9});
  EXPECT_NEAR(trial.of(2), 9 * 3.0 / 9, 1e-3);
  EXPECT_NEAR(trial.of(1), 9 * 2.0 / 9, 1e-3);
  EXPECT_NEAR(trial.of(4), 9 * 1.0 / 9, 1e-3) << "what lies beyond the gap does not reach it";
  EXPECT_NEAR(trial.of(5), 9 * 1.0 / 9, 1e-3) << "alone among silent ones";
}

// Two sets by turns, ten ticks each.
Samples by_turns(int t) {
  Samples samples(40, 0.0);
  for (std::size_t i = 0; i < 20; ++i) samples[(t / 10 % 2 == 0 ? 0 : 20) + i] = 8;
  return samples;
}

TEST(SeasonalExpert, ForeseesTheTurn) {
  Trial trial(make_seasonal_expert());
  int t = 0;
  for (; t < 200; ++t) trial.tick(by_turns(t));  // the next tick begins with the first set
  EXPECT_GT(trial.of(0, 0), 1.5 * trial.of(30, 0)) << "a tick sooner or later counts as well";
  EXPECT_GT(trial.of(0, 1), 10 * trial.of(30, 1));
  for (const int until : {205, 209, 210}) {
    for (; t < until; ++t) trial.tick(by_turns(t));
    const bool first = t / 10 % 2 == 0;
    EXPECT_GT(trial.of(first ? 0 : 30, 0), trial.of(first ? 30 : 0, 0)) << t;
  }
}

TEST(SeasonalExpert, WithoutASeasonItIsTheAverage) {
  Trial trial(make_seasonal_expert()), average(make_average_expert(1));
  std::mt19937 random(2);
  for (int t = 0; t < 200; ++t) {
    Samples samples(50);
    for (double& each : samples) each = std::poisson_distribution<int>(3)(random);
    trial.tick(samples), average.tick(samples);
  }
  EXPECT_EQ(trial.all(1), average.all(1));
}

TEST(SeasonalExpert, EveryTargetHasItsOwn) {
  Trial trial(make_seasonal_expert()), average(make_average_expert(1));
  std::mt19937 random(3);
  for (std::uint64_t t = 0; t < 200; ++t) {
    Samples noise(30);
    for (double& each : noise) each = std::poisson_distribution<int>(3)(random);
    RegionSnapshot snapshot;
    snapshot.sequence = t + 1;
    add_regions(snapshot, 1, noise);
    add_regions(snapshot, 2, by_turns(static_cast<int>(t)));
    trial.see(snapshot), average.see(snapshot);
  }
  EXPECT_EQ(trial.of(7), average.of(7));
  EXPECT_GT(trial.of(30 + 5, 1), 5 * trial.of(30 + 25, 1));
}

TEST(MarkovExpert, KnowsThatTheHotCoolDown) {
  // Every region is hot one tick in eight: whoever was just hot is cold in the next.
  Trial trial(make_markov_expert());
  for (int t = 0; t < 400; ++t) {
    Samples samples(64);
    for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = (t + static_cast<int>(i)) % 8 == 0 ? 16 : 0;
    trial.tick(samples);
  }
  // t = 399: region 1 was hot now; region 0 will be in the next tick.
  EXPECT_LT(trial.of(1, 0), 0.5);
  EXPECT_GT(trial.of(0, 0), 5 * trial.of(1, 0));
  EXPECT_NEAR(trial.of(1, 2), 2, 0.7) << "in the long run all are alike";
}

TEST(ExponentialAverageExpert, IsTheForecaster) {
  Trial trial(make_exponential_average_expert());
  const auto forecaster = make_exponential_average();
  std::mt19937 random(4);
  for (std::uint64_t t = 1; t < 40; ++t) {
    Samples samples(30);
    for (double& each : samples) each = static_cast<double>(random() % 4);
    const RegionSnapshot snapshot = snapshot_of(samples, t);
    trial.see(snapshot);
    const ForecastSet set = forecaster->forecast(snapshot);
    for (std::size_t h = 0; h < kHorizons.size(); ++h)
      for (std::size_t row = 0; row < 30; ++row)
        EXPECT_EQ(trial.all(h)[row], set.forecasts[row].horizons[h].mean);
  }
}

}  // namespace
}  // namespace tier
