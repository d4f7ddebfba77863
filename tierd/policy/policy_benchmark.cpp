// Price per region and tick of a forecast and of a plan.
#include <benchmark/benchmark.h>

#include <random>

#include "predictor/forecaster.h"
#include "tierd/policy/policy.h"

namespace tier {
namespace {

constexpr std::uint64_t kRegion = kDefaultRegionSize.value;

// A tenth of the regions takes nine tenths of 2,000 samples a tick; an eighth, at random, is fast.
RegionSnapshot snapshot_of(std::size_t regions, std::mt19937& random, std::uint64_t sequence) {
  RegionSnapshot snapshot;
  snapshot.sequence = sequence;
  snapshot.interval = std::chrono::seconds(1);
  for (std::size_t i = 0; i < regions; ++i) {
    Region region;
    region.key = {{1}, i * kRegion};
    region.range = {i * kRegion, (i + 1) * kRegion};
    region.node = {i % 8 == 3 ? 0 : 1};
    region.resident = {kRegion};
    region.age = 1000;
    const double share = i % 10 == 0 ? 9.0 : 0.11;
    std::poisson_distribution<std::uint32_t> count(share * 2000 / static_cast<double>(regions));
    region.samples = count(random);
    region.demand = {1e4 * region.samples};
    snapshot.regions.push_back(region);
  }
  return snapshot;
}

void per_region(benchmark::State& bench) {
  bench.counters["per_region"] =
      benchmark::Counter(static_cast<double>(bench.range(0)),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void forecast(benchmark::State& bench, const char* name) {
  std::mt19937 random(1);
  std::vector<RegionSnapshot> snapshots;
  for (std::uint64_t t = 1; t <= 8; ++t)
    snapshots.push_back(snapshot_of(static_cast<std::size_t>(bench.range(0)), random, t));
  auto forecaster = make_forecaster(name);
  std::size_t tick = 0;
  for (auto _ : bench) benchmark::DoNotOptimize(forecaster->forecast(snapshots[tick++ % snapshots.size()]));
  per_region(bench);
  bench.counters["bytes_per_region"] =
      static_cast<double>(forecaster->bytes_used()) / static_cast<double>(bench.range(0));
}
BENCHMARK_CAPTURE(forecast, exponential_average, "exponential-average")->Arg(600)->Arg(10'000);
BENCHMARK_CAPTURE(forecast, frequency_decay, "frequency-decay")->Arg(600)->Arg(10'000);

void plan(benchmark::State& bench) {
  const auto regions = static_cast<std::size_t>(bench.range(0));
  std::mt19937 random(1);
  auto forecaster = make_forecaster("exponential-average");
  RegionSnapshot snapshot;
  ForecastSet forecasts;
  for (std::uint64_t t = 1; t <= 10; ++t) {
    snapshot = snapshot_of(regions, random, t);
    forecasts = forecaster->forecast(snapshot);
  }
  TierTopology topology;
  topology.tiers = {{0, {{0}}, Nanoseconds{100}}, {1, {{1}}, Nanoseconds{250}}};
  SystemState system;
  system.nodes = {{{0}, Nanoseconds{100}, {}, {regions / 8 * kRegion}, true},
                  {{1}, Nanoseconds{250}, {regions * kRegion}, {2 * regions * kRegion}, true}};
  Target target;
  target.id = {1};
  target.allowed_nodes = {{0}, {1}};
  const PolicySettings settings;
  const PolicyInput input{snapshot, forecasts, topology, system, {&target, 1}, {}, {}, 1.0, 1.0, 1, settings};
  for (auto _ : bench) benchmark::DoNotOptimize(make_plan(input));
  per_region(bench);
}
BENCHMARK(plan)->Arg(600)->Arg(10'000)->Arg(100'000);

}  // namespace
}  // namespace tier

BENCHMARK_MAIN();
