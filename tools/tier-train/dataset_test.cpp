#include "tools/tier-train/dataset.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "sim/workloads/generators.h"
#include "sim/workloads/pattern.h"
#include "tools/tier-train/report.h"

namespace tier::sim {
namespace {

Dataset dataset_of(const std::string& spec, DatasetSettings settings = {}) {
  auto factories = parse_workloads(spec);
  EXPECT_TRUE(factories) << (factories ? "" : factories.error().text());
  auto dataset = make_dataset(*factories, settings);
  EXPECT_TRUE(dataset) << (dataset ? "" : dataset.error().text());
  return dataset ? *std::move(dataset) : Dataset{};
}

double asked(const Dataset& dataset) {
  double sum = 0;
  for (const DatasetTick& tick : dataset.ticks)
    for (const float demand : tick.demand) sum += std::max(0.0F, demand);
  return sum;
}

// Straight from the workload's intervals.
double asked(const std::string& spec) {
  double sum = 0;
  const auto factories = parse_workloads(spec);
  for (const auto& factory : *factories) {
    auto workload = *factory();
    while (true) {
      auto next = workload->next();
      if (!next || !*next) break;
      for (std::size_t s = 0; s < (*next)->demand->streams.size(); ++s) {
        const Stream& stream = workload->info().streams[s];
        for (const RegionDemand& region : (*next)->demand->streams[s])
          sum += (region.loads + kReferenceStoreWait * region.stores) * (1 - stream.prefetchable) /
                 stream.parallelism;
      }
    }
  }
  return sum;
}

TEST(Dataset, NoDemandIsLostOrMade) {
  for (const std::string spec : {"zipf:footprint=256MiB,length=30s", "training:footprint=512MiB,length=30s",
                                 "gups:footprint=128MiB,length=20s + scan:footprint=256MiB,length=20s",
                                 "gups:footprint=128MiB,length=21s,interval=700ms"}) {
    const Dataset dataset = dataset_of(spec);
    EXPECT_NEAR(asked(dataset) / asked(spec), 1, 1e-4) << spec;
  }
}

TEST(Dataset, TheSameSeedGivesTheSameBytes) {
  const std::string spec = "phases:footprint=256MiB,length=60s";
  const auto samples = [&](std::uint64_t seed) {
    DatasetSettings settings;
    settings.seed = seed;
    std::vector<std::uint32_t> all;
    for (const DatasetTick& tick : dataset_of(spec, settings).ticks)
      for (const Region& region : tick.snapshot.regions) all.push_back(region.samples);
    return all;
  };
  EXPECT_EQ(samples(1), samples(1));
  EXPECT_NE(samples(1), samples(2));
}

TEST(Dataset, SamplesStandForTheDemand) {
  const Dataset dataset = dataset_of("zipf:footprint=256MiB,length=100s");
  double sampled = 0, samples = 0, seen = 0;
  for (const DatasetTick& tick : dataset.ticks)
    for (std::size_t row = 0; row < tick.regions.size(); ++row) {
      const Region& region = tick.snapshot.regions[row];
      sampled += region.demand.value, samples += region.samples, seen += region.samples > 0 ? 1 : 0;
    }
  EXPECT_NEAR(sampled / asked(dataset), 1, 0.02);
  // 500 a second, of which 0.7 wait and 0.8 decode.
  EXPECT_NEAR(samples / static_cast<double>(dataset.ticks.size()), 500 * 0.7 * 0.8, 6);
  EXPECT_GT(seen, 0);
}

TEST(Dataset, CountsScatterAsPoissonCountsDo) {
  const Dataset dataset = dataset_of("gups:footprint=128MiB,length=20min,heat=0");
  for (const std::size_t row : {3UL, 40UL}) {
    double sum = 0, squares = 0, count = 0;
    for (const DatasetTick& tick : dataset.ticks) {
      if (tick.snapshot.regions.size() != dataset.ticks.back().snapshot.regions.size()) continue;
      const double n = tick.snapshot.regions[row].samples;
      sum += n, squares += n * n, ++count;
    }
    const double mean = sum / count;
    EXPECT_GT(count, 1000);
    EXPECT_GT(mean, 3);
    EXPECT_NEAR((squares / count - mean * mean) / mean, 1, 0.15);
  }
}

TEST(Dataset, ListsWhatWasSampledLatelyOrLiesInTheFastTier) {
  const Dataset dataset = dataset_of("gups:footprint=1GiB,length=60s,hot=0.05,heat=1");
  ASSERT_GE(dataset.ticks.size(), 59U);
  const DatasetTick& last = dataset.ticks.back();
  // 64 regions lie in the fast tier, 26 are hot and none of the others is ever touched.
  EXPECT_EQ(last.snapshot.regions.size(), 64U + 26U);
  EXPECT_EQ(last.snapshot.quiet, 512U - 64U - 26U);
  RegionKey before{{0}, 0};
  for (std::size_t row = 0; row < last.regions.size(); ++row) {
    const Region& region = last.snapshot.regions[row];
    EXPECT_LT(before, region.key);
    before = region.key;
    if (region.samples > 0) {
      EXPECT_GT(last.demand[last.regions[row]], 0);
    }
  }
}

TEST(Dataset, WhatIsReleasedIsNotHeld) {
  const Dataset dataset = dataset_of("generational:footprint=512MiB,length=120s");
  std::set<std::size_t> held;
  for (const DatasetTick& tick : dataset.ticks) {
    held.insert(static_cast<std::size_t>(std::count_if(tick.demand.begin(), tick.demand.end(),
                                                       [](float demand) { return demand != kNotHeld; })));
    for (const std::uint32_t region : tick.regions) EXPECT_NE(tick.demand[region], kNotHeld);
  }
  EXPECT_GT(held.size(), 2U) << "it comes and goes";
}

TEST(Dataset, AnEmptyWorkloadIsRefused) {
  auto factories = parse_workloads("gups:footprint=128MiB,length=1s");
  DatasetSettings settings;
  settings.most_ticks = 0;
  EXPECT_FALSE(make_dataset(*factories, settings).has_value());
}

TEST(WithSeed, ChangesGeneratorsAndLeavesRecordingsAlone) {
  EXPECT_EQ(with_seed("zipf", 0), "zipf");
  EXPECT_EQ(with_seed("zipf", 2), "zipf:seed=200");
  EXPECT_EQ(with_seed("zipf:skew=1,seed=5,index=0.1 + gups:seed=3", 1),
            "zipf:skew=1,index=0.1,seed=100 + gups:seed=101");
  EXPECT_EQ(with_seed("trace*40:a.trace", 3), "trace*40:a.trace");
}

TEST(Evaluations, AreTheSameOnOneThreadAndOnTwo) {
  EvaluationOptions options;
  options.workloads = {"phases:footprint=128MiB,length=50s,period=10s", "zipf:footprint=128MiB,length=40s"};
  options.seeds = 2;
  const auto run = [&](unsigned jobs) {
    options.jobs = jobs;
    auto evaluations = run_evaluations(options);
    EXPECT_TRUE(evaluations);
    return evaluations ? to_json(*evaluations).dump() : "";
  };
  EXPECT_EQ(run(1), run(2));
}

TEST(Evaluations, NameTheWorkloadThatCannotBeRun) {
  EvaluationOptions options;
  options.workloads = {"zipf:footprint=128MiB,length=5s"};
  const auto evaluations = run_evaluations(options);
  ASSERT_FALSE(evaluations);
  EXPECT_NE(evaluations.error().message.find("zipf:"), std::string::npos);
}

// A forecaster that knows the truth, and one that says the contrary.
class Seer final : public Forecaster {
 public:
  Seer(const Dataset& dataset, float sign) : dataset_(dataset), sign_(sign) {}
  std::string name() const override { return "seer"; }
  ForecastSet forecast(const RegionSnapshot& snapshot) override {
    ForecastSet set{snapshot.sequence, name(), {}};
    for (const std::uint32_t region : dataset_.ticks[tick_].regions) {
      DemandForecast forecast;
      for (std::size_t h = 0; h < kHorizons.size(); ++h) {
        float came = 0;
        const auto ahead = static_cast<std::size_t>(kHorizons[h]);
        for (std::size_t k = tick_ + 1; k <= tick_ + ahead && k < dataset_.ticks.size(); ++k)
          came += std::max(0.0F, dataset_.ticks[k].demand[region]) / static_cast<float>(ahead);
        const float said = sign_ > 0 ? came : 1e9F - came;
        forecast.horizons[h] = {said * 0.999F, said, said * 1.001F};
      }
      set.forecasts.push_back(forecast);
    }
    ++tick_;
    return set;
  }
  std::size_t bytes_used() const override { return 0; }

 private:
  const Dataset& dataset_;
  float sign_;
  std::size_t tick_ = 0;
};

TEST(Evaluate, WhoKnowsTheFutureScoresFull) {
  DatasetSettings settings;
  settings.fast_share = 1;  // every region is listed
  const Dataset dataset = dataset_of("gups-moving:footprint=128MiB,length=90s,period=30s", settings);
  const auto scores = evaluate(dataset, {{"seer", [&] { return std::make_unique<Seer>(dataset, 1.0F); }},
                                         {"liar", [&] { return std::make_unique<Seer>(dataset, -1.0F); }}});
  ASSERT_TRUE(scores);
  for (std::size_t h = 0; h < kHorizons.size(); ++h) {
    const HorizonScores& seer = (*scores)[0].horizons[h];
    for (const double hit : seer.hit) EXPECT_NEAR(hit, 1, 1e-6);
    EXPECT_NEAR(seer.recall, 1, 1e-6);
    EXPECT_NEAR(seer.pinball[1], 0, 1e-6);
    EXPECT_NEAR(seer.coverage, 1, 1e-6);
    EXPECT_LT((*scores)[1].horizons[h].hit[kEighth], 0.3);
    EXPECT_EQ((*scores)[1].horizons[h].coverage, 0);
  }
  EXPECT_GE((*scores)[0].changes, 1U);
  ASSERT_TRUE((*scores)[0].ticks_to_adapt);
  EXPECT_EQ(*(*scores)[0].ticks_to_adapt, 0);
}

}  // namespace
}  // namespace tier::sim
