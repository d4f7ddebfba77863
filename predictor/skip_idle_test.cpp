#include "predictor/skip_idle.h"

#include <gtest/gtest.h>

#include "predictor/snapshot_fixture.h"

namespace tier {
namespace {

// Forecasts what it saw, and remembers how much that was.
class Seeing final : public Forecaster {
 public:
  explicit Seeing(std::size_t& seen, std::uint64_t& quiet) : seen_(seen), quiet_(quiet) {}
  std::string name() const override { return "seeing"; }
  ForecastSet forecast(const RegionSnapshot& snapshot) override {
    seen_ = snapshot.regions.size(), quiet_ = snapshot.quiet;
    ForecastSet set{snapshot.sequence, name(), {}, 0.5};
    for (const Region& region : snapshot.regions) {
      DemandForecast forecast{region.key, {}};
      forecast.horizons[0].mean = static_cast<float>(region.demand.value);
      set.forecasts.push_back(forecast);
    }
    return set;
  }
  std::size_t bytes_used() const override { return 1; }

 private:
  std::size_t& seen_;
  std::uint64_t& quiet_;
};

TEST(SkipIdle, IdleRegionsAreNotSeenAndAskForNothing) {
  std::size_t seen = 0;
  std::uint64_t quiet = 0;
  SkipIdle forecaster(std::make_unique<Seeing>(seen, quiet));
  RegionSnapshot snapshot = snapshot_of(std::vector<double>{5, 6, 7, 8}, 9, 1000);
  snapshot.quiet = 10;
  snapshot.regions[0].idle = kNever;
  snapshot.regions[1].idle = kIdleTicks - 1;
  snapshot.regions[2].idle = kIdleTicks;
  snapshot.regions[3].idle = kNever;
  snapshot.regions[3].age = 3;  // nobody knows yet
  const ForecastSet set = forecaster.forecast(snapshot);
  EXPECT_EQ(seen, 2U);
  EXPECT_EQ(quiet, 12U);
  EXPECT_EQ(forecaster.skipped(), 2U);
  EXPECT_EQ(set.sequence, 9U);
  EXPECT_EQ(set.caution, 0.5);
  ASSERT_EQ(set.forecasts.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(set.forecasts[i].key, snapshot.regions[i].key);
  EXPECT_EQ(set.forecasts[0].horizons[0].mean, 0);
  EXPECT_EQ(set.forecasts[1].horizons[0].mean, 6 * kFixtureWeight);
  EXPECT_EQ(set.forecasts[2].horizons[0].mean, 0);
  EXPECT_EQ(set.forecasts[3].horizons[0].mean, 8 * kFixtureWeight);
}

TEST(SkipIdle, WithoutIdleRegionsNothingIsCopied) {
  std::size_t seen = 0;
  std::uint64_t quiet = 0;
  SkipIdle forecaster(std::make_unique<Seeing>(seen, quiet));
  EXPECT_EQ(forecaster.forecast(snapshot_of(std::vector<double>{5, 6})).forecasts.size(), 2U);
  EXPECT_EQ(seen, 2U);
  EXPECT_EQ(forecaster.bytes_used(), 1U);
}

}  // namespace
}  // namespace tier
