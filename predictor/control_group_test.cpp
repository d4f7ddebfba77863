#include "predictor/control_group.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "predictor/snapshot_fixture.h"

namespace tier {
namespace {

// Forecasts one number for everything, and remembers whom it saw.
class Constant final : public Forecaster {
 public:
  Constant(float value, std::vector<std::size_t>& seen) : value_(value), seen_(seen) {}
  std::string name() const override { return "constant"; }
  ForecastSet forecast(const RegionSnapshot& snapshot) override {
    seen_.push_back(snapshot.regions.size());
    ForecastSet set;
    set.sequence = snapshot.sequence;
    for (const Region& region : snapshot.regions) {
      DemandForecast forecast{region.key, {}};
      for (auto& horizon : forecast.horizons) horizon = {value_, value_, value_};
      set.forecasts.push_back(forecast);
    }
    return set;
  }
  std::size_t bytes_used() const override { return 100; }

 private:
  float value_;
  std::vector<std::size_t>& seen_;
};

class ControlledTest : public ::testing::Test {
 protected:
  ControlledForecaster make(int buckets) {
    return {
        std::make_unique<Constant>(1.0F, chosen_), std::make_unique<Constant>(2.0F, reactive_), {buckets}};
  }
  static RegionSnapshot snapshot(std::size_t regions) { return snapshot_of(std::vector<double>(regions, 1)); }
  std::vector<std::size_t> chosen_, reactive_;
};

TEST_F(ControlledTest, TheControlGroupFollowsTheReactiveForecastAndTheRestTheChosenOne) {
  ControlledForecaster forecaster = make(1);
  const RegionSnapshot regions = snapshot(50'000);
  for (const bool back : {false, true}) {
    forecaster.stand_back(back);
    const ForecastSet set = forecaster.forecast(regions);
    ASSERT_EQ(set.forecasts.size(), regions.regions.size());
    for (std::size_t i = 0; i < set.forecasts.size(); ++i) {
      ASSERT_EQ(set.forecasts[i].key, regions.regions[i].key);
      const bool reactive = forecaster.group().has(regions.regions[i].key) != back;
      ASSERT_EQ(set.forecasts[i].horizons[0].mean, reactive ? 2.0F : 1.0F) << i;
    }
  }
}

TEST_F(ControlledTest, TheSecondForecasterSeesAFewThousandRegionsHoweverManyThereAre) {
  ControlledForecaster forecaster = make(1);
  for (const std::size_t regions : {100U, 3'000U, 100'000U, 400'000U, 5'000U})
    forecaster.forecast(snapshot(regions));
  EXPECT_EQ(chosen_, (std::vector<std::size_t>{100, 3'000, 100'000, 400'000, 5'000}));
  EXPECT_EQ(reactive_[0], 100u);
  EXPECT_EQ(reactive_[1], 3'000u);
  for (const std::size_t i : {2U, 3U, 4U}) {
    EXPECT_GT(reactive_[i], 1'900u) << i;
    EXPECT_LT(reactive_[i], 8'500u) << i;
  }
}

TEST(WithCaution, WhatIsHeededStaysTheSame) {
  DemandForecast forecast{{{1}, 0}, {}};
  forecast.horizons.fill({4, 10, 20});
  const auto row = with_caution(forecast, 1, 0.5).horizons[0];
  EXPECT_FLOAT_EQ(row.mean - 0.5F * (row.mean - row.low), 4);
  EXPECT_FLOAT_EQ(row.mean + 0.5F * (row.high - row.mean), 20);
  EXPECT_FLOAT_EQ(with_caution(forecast, 1, 0).horizons[0].low, 4);
}

TEST_F(ControlledTest, WithoutAGroupOrAnotherForecasterNothingChanges) {
  ControlledForecaster none = make(0);
  EXPECT_FALSE(none.controlled());
  EXPECT_EQ(none.forecast(snapshot(10)).forecasts[3].horizons[0].mean, 1.0F);
  EXPECT_TRUE(reactive_.empty());
  ControlledForecaster alone(std::make_unique<Constant>(1.0F, chosen_), nullptr, {1});
  EXPECT_FALSE(alone.controlled());
  EXPECT_EQ(alone.forecast(snapshot(10)).forecasts.size(), 10u);
}

TEST(ControlGroup, SharesAreRoundedTo64ths) {
  EXPECT_EQ(ControlGroup::of_share(0).buckets, 0);
  EXPECT_EQ(ControlGroup::of_share(1e-6).buckets, 1);
  EXPECT_EQ(ControlGroup::of_share(1.0 / 64).buckets, 1);
  EXPECT_EQ(ControlGroup::of_share(0.25).buckets, 16);
  EXPECT_EQ(ControlGroup::of_share(0.9).buckets, 32);
  EXPECT_EQ(ControlGroup::of_share(std::nan("")).buckets, 0);
}

// Neighbours, every n-th region and the same addresses of many programs all spread evenly.
TEST(ControlGroup, RegularAddressesSpreadEvenly) {
  for (const std::uint64_t step : {1U, 8U, 512U, 4096U}) {
    std::array<int, kRegionBuckets> count{};
    for (std::uint32_t target = 1; target <= 4; ++target)
      for (std::uint64_t i = 0; i < 16'000; ++i)
        ++count[static_cast<std::size_t>(bucket_of({{target}, 0x7f0000000000 + i * step * (2ULL << 20)}))];
    for (const int in_bucket : count) EXPECT_NEAR(in_bucket, 1000, 160) << step;
  }
}

}  // namespace
}  // namespace tier
