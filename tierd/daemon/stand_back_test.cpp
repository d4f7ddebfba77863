// A forecaster that loses stands back, and comes back when it has become better.
#include <gtest/gtest.h>

#include <set>

#include "tierd/daemon/engine_fixture.h"
#include "tierd/daemon/views.h"

namespace tier {
namespace {

// Knows where the hot set is going, or says the opposite.
class Oracle final : public Forecaster {
 public:
  Oracle(const std::set<Address>& hot, const bool& good) : hot_(hot), good_(good) {}
  std::string name() const override { return "oracle"; }
  ForecastSet forecast(const RegionSnapshot& snapshot) override {
    ForecastSet set;
    set.sequence = snapshot.sequence;
    for (const Region& region : snapshot.regions) {
      const float demand = hot_.contains(region.key.start) == good_ ? 3e4F : 0.0F;
      DemandForecast forecast{region.key, {}};
      for (auto& horizon : forecast.horizons) horizon = {demand, demand, demand};
      set.forecasts.push_back(forecast);
    }
    return set;
  }
  std::size_t bytes_used() const override { return 0; }

 private:
  const std::set<Address>& hot_;
  const bool& good_;
};

// Six hundred regions, of which a twelfth is hot and fits.
class StandBackTest : public EngineTest {
 protected:
  static constexpr int kMany = 600, kHot = 50;
  StandBackTest() : EngineTest(machine()) {}
  static FakeSpec machine() {
    FakeSpec spec = two_tier_machine();
    spec.nodes[0].capacity = Bytes{80 * kRegion};
    spec.nodes[1].capacity = 4_GiB;
    spec.processes[0].mappings[0].size = Bytes{kMany * kRegion};
    return spec;
  }
  void begin() {
    EngineSettings settings = acting();
    settings.forecaster = "oracle";
    settings.control_share = 0.25;
    settings.ledger.comparison.block = 6;
    settings.ledger.comparison.recent = 30;
    settings.ledger.comparison.checks = 4;
    make_forecaster_ = [this](const std::string& name) -> std::unique_ptr<Forecaster> {
      return name == "oracle" ? std::make_unique<Oracle>(hot_, good_) : make_forecaster(name);
    };
    start(std::move(settings));
  }
  // Every hot region is sampled, and here and there another.
  void run(int ticks) {
    for (int t = 0; t < ticks; ++t, ++now_) {
      std::vector<int> sampled;
      hot_.clear();
      for (int i = 0; i < kHot; ++i) {
        sampled.push_back((now_ / 40 * 130 + i * 7) % kMany);
        hot_.insert(kBase + static_cast<Address>(sampled.back()) * kRegion);
      }
      for (int i = 0; i < 10; ++i) sampled.push_back((now_ * 37 + i * 61) % kMany);
      tick(sampled, 3);
    }
  }
  int events_of(const std::string& kind) const {
    int count = 0;
    for (const auto& event : engine_->events().since(0, 100'000)) count += event.kind == kind;
    return count;
  }
  std::set<Address> hot_;
  bool good_ = false;
  int now_ = 0;
};

TEST_F(StandBackTest, ABadForecasterStandsBackAndComesBackWhenItIsGood) {
  begin();
  run(60);
  EXPECT_FALSE(engine_->forecaster().standing_back()) << "not on little evidence";
  for (int i = 0; i < 10 && !engine_->forecaster().standing_back(); ++i) run(40);
  EXPECT_TRUE(engine_->forecaster().standing_back());
  EXPECT_EQ(events_of("forecaster"), 1);
  EXPECT_TRUE(forecast_view(*engine_).standing_back);
  EXPECT_EQ(forecast_view(*engine_).control.forecaster, "oracle");
  run(200);
  EXPECT_TRUE(engine_->forecaster().standing_back()) << "while it is bad";
  good_ = true;
  for (int i = 0; i < 20 && engine_->forecaster().standing_back(); ++i) run(40);
  EXPECT_FALSE(engine_->forecaster().standing_back());
  EXPECT_EQ(events_of("forecaster"), 2);
  run(400);
  const ForecastView view = forecast_view(*engine_);
  EXPECT_EQ(view.recent.verdict, "the forecast saves") << *view.recent.saved_share;
  EXPECT_EQ(view.rest.forecaster, "oracle");
  EXPECT_NEAR(static_cast<double>(*view.control.regions), kMany / 4.0, 60);
}

TEST_F(StandBackTest, TheReactiveForecasterIsNotComparedWithItself) {
  EngineSettings settings = acting();
  settings.control_share = 0.5;
  start(settings);
  for (int i = 0; i < 3; ++i) tick({3});
  EXPECT_FALSE(forecast_view(*engine_).compared);
  settings.forecaster = "switch";
  settings.targets.pids = {Pid{42}};
  ASSERT_TRUE(engine_->apply(settings));
  tick({3});
  EXPECT_TRUE(forecast_view(*engine_).compared);
  EXPECT_EQ(forecast_view(*engine_).leaders.size(), kHorizons.size());
  settings.control_share = 0;
  ASSERT_TRUE(engine_->apply(settings));
  EXPECT_FALSE(forecast_view(*engine_).compared);
}

}  // namespace
}  // namespace tier
