#include "predictor/network/learned.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "predictor/snapshot_fixture.h"

namespace tier {
namespace {

std::shared_ptr<const NamedModel> model_of(const ModelShape& shape = {}, float head_bias = 0) {
  NamedModel named{Model::random(shape, 11), "hash", {}};
  for (const TensorPlace& place : network_tensors(shape.network))
    if (place.name == "head.bias")
      for (std::size_t h = 0; h < kHorizons.size(); ++h)
        named.model.values()[place.offset + h * kHeadPerHorizon + kBaselines] = head_bias;
  return std::make_shared<const NamedModel>(std::move(named));
}

NodeContext two_tiers() {
  NodeContext node;
  node.tiers.resize(2);
  node.tiers[0] = {0, Nanoseconds{100}, 100_GiB, 1_GiB, 1_GiB, 10, {}};
  node.tiers[1] = {1, Nanoseconds{300}, 30_GiB, 8_GiB, 1_GiB, 20, {}};
  return node;
}

// Region i of 64 has i samples, every other tick twice as many.
RegionSnapshot at_tick(std::uint64_t tick) {
  std::vector<double> samples(64);
  for (std::size_t i = 0; i < samples.size(); ++i) samples[i] = static_cast<double>(i * (1 + tick % 2));
  RegionSnapshot snapshot = snapshot_of(samples, tick, static_cast<std::uint32_t>(tick));
  snapshot.interval = std::chrono::seconds(1);
  return snapshot;
}

ForecastSet run(Forecaster& forecaster, std::uint64_t ticks, const NodeContext& node = two_tiers()) {
  ForecastSet last;
  for (std::uint64_t t = 0; t < ticks; ++t) {
    forecaster.observe(node);
    last = forecaster.forecast(at_tick(t));
  }
  return last;
}

TEST(Learned, ForecastsEveryRegionInOrder) {
  LearnedForecaster forecaster(model_of());
  const ForecastSet set = run(forecaster, 60);
  ASSERT_EQ(set.forecasts.size(), 64U);
  EXPECT_EQ(set.forecaster, "learned");
  for (std::size_t i = 0; i < 64; ++i) {
    EXPECT_EQ(set.forecasts[i].key, at_tick(59).regions[i].key);
    for (const DemandQuantiles& q : set.forecasts[i].horizons) {
      EXPECT_TRUE(std::isfinite(q.mean) && q.low >= 0 && q.low <= q.mean && q.mean <= q.high);
    }
  }
}

TEST(Learned, IsTheSwitchAsLongAsTheNetworkIsWorse) {
  // A network that says a seventh of everything: its levels are wrong, its ranking is the baselines'.
  LearnedSettings settings;
  settings.contest.level_weight = 1;
  LearnedForecaster learned(model_of({}, -50), settings);
  Switch alone;
  const ForecastSet set = run(learned, 80), expected = run(alone, 80);
  const LearnedStatus status = learned.describe();
  for (std::size_t h = 0; h < kHorizons.size(); ++h) {
    EXPECT_EQ(status.share[h], 0);
    EXPECT_LT(status.score[h], status.classical_score[h]);
    for (std::size_t i = 0; i < set.forecasts.size(); ++i)
      EXPECT_EQ(set.forecasts[i].horizons[h].mean, expected.forecasts[i].horizons[h].mean);
  }
}

TEST(Learned, MixesTheTwoWhereScoresDoNotTell) {
  LearnedSettings settings;
  settings.trust.width = {1e9, 1e9, 1e9};
  LearnedForecaster learned(model_of(), settings);
  Switch alone;
  const ForecastSet set = run(learned, 80), expected = run(alone, 80);
  settings.network_alone = true;
  LearnedForecaster network(model_of(), settings);
  const ForecastSet other = run(network, 80);
  for (std::size_t h = 0; h < kHorizons.size(); ++h) {
    EXPECT_NEAR(learned.describe().share[h], 0.5, 1e-6);
    EXPECT_EQ(network.describe().share[h], 1);
    std::size_t apart = 0;
    for (std::size_t i = 0; i < set.forecasts.size(); ++i)
      apart += set.forecasts[i].horizons[h].mean != expected.forecasts[i].horizons[h].mean &&
               set.forecasts[i].horizons[h].mean != other.forecasts[i].horizons[h].mean;
    EXPECT_GT(apart, 32U);
  }
}

TEST(Learned, ANetworkThatSaysWhatIsNoNumberIsBarred) {
  LearnedForecaster learned(model_of({}, std::numeric_limits<float>::quiet_NaN()));
  Switch alone;
  const ForecastSet set = run(learned, 40), expected = run(alone, 40);
  EXPECT_TRUE(learned.describe().barred);
  for (std::size_t i = 0; i < set.forecasts.size(); ++i)
    EXPECT_EQ(set.forecasts[i].horizons[2].mean, expected.forecasts[i].horizons[2].mean);
}

class SteppingClock final : public Clock {
 public:
  Nanoseconds now() const override { return Nanoseconds{now_ += step}; }
  std::int64_t step = 1;

 private:
  mutable std::int64_t now_ = 0;
};

TEST(Learned, ANetworkThatIsLateIsBarredForThatTick) {
  SteppingClock clock;
  LearnedSettings settings;
  settings.network.clock = &clock;
  settings.network.budget = Nanoseconds{1000};
  settings.network.runner = RunnerKind::kStreaming;
  LearnedForecaster learned(model_of(), settings);
  run(learned, 20);
  EXPECT_FALSE(learned.describe().barred);
  clock.step = 10'000;
  learned.forecast(at_tick(20));
  EXPECT_TRUE(learned.describe().barred);
  EXPECT_EQ(learned.describe().network.late, 1U);
  clock.step = 1;
  learned.forecast(at_tick(21));
  EXPECT_FALSE(learned.describe().barred);
}

TEST(Learned, ATierThatIsAddedIsOneMoreTokenSoonAfter) {
  LearnedForecaster learned(model_of());
  run(learned, 40);
  const auto tiers = [&] {
    std::size_t count = 0;
    for (const TokenWeight& token : learned.describe().network.tokens)
      count += token.token.starts_with("tier") ? 1U : 0U;
    return count;
  };
  EXPECT_EQ(tiers(), 2U);
  const std::vector<float> before = learned.describe().network.z;
  NodeContext node = two_tiers();
  node.tiers.push_back({2, Nanoseconds{900}, std::nullopt, 32_GiB, 32_GiB, 40, {}});
  for (std::uint64_t t = 40; t < 57; ++t) learned.observe(node), learned.forecast(at_tick(t));
  EXPECT_EQ(tiers(), 3U);
  EXPECT_NE(learned.describe().network.z, before);
  for (std::size_t head = 0; head < kHeads; ++head) {
    float sum = 0;
    for (const TokenWeight& token : learned.describe().network.tokens) sum += token.attention[head];
    EXPECT_NEAR(sum, 1, 1e-5);
  }
}

TEST(Learned, WorksWithoutContextAndWithoutConvolutions) {
  for (const ModelShape& shape : {ModelShape{{kFeatures, 8, 0}, {}, true}, ModelShape{{}, {0, true}, true}}) {
    LearnedForecaster learned(model_of(shape));
    EXPECT_EQ(run(learned, 30, {}).forecasts.size(), 64U);
    EXPECT_FALSE(learned.describe().barred);
  }
}

TEST(Learned, NoRegionAtAllIsNoTrouble) {
  LearnedForecaster learned(model_of());
  for (std::uint64_t t = 0; t < 30; ++t) {
    RegionSnapshot empty;
    empty.sequence = t;
    EXPECT_TRUE(learned.forecast(empty).forecasts.empty());
  }
  EXPECT_EQ(run(learned, 5).forecasts.size(), 64U);
}

}  // namespace
}  // namespace tier
