// Price per region and tick of the network's forms, of its head, and of one step of training.
#include <benchmark/benchmark.h>

#include "predictor/experts/benchmark_snapshots.h"
#include "predictor/network/dense.h"
#include "predictor/network/head.h"
#include "predictor/network/learned.h"
#include "predictor/network/network_fixture.h"
#include "predictor/network/onednn.h"
#include "predictor/network/runner.h"

namespace tier {
namespace {

void per_region(benchmark::State& bench, std::size_t regions) {
  bench.counters["per_region"] =
      benchmark::Counter(static_cast<double>(regions),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void run(benchmark::State& bench, RunnerKind kind, VectorCode code) {
  const NetworkShape shape{32, static_cast<std::uint32_t>(bench.range(0)), 3};
  const auto regions = static_cast<std::size_t>(bench.range(1));
  auto made = make_runner(shape, {.kind = kind, .vector_code = code});
  if (!made || !(*made)->set_weights(testing::random_weights(shape, 1)).has_value())
    return bench.SkipWithError("no such runner");
  RegionSnapshot snapshot;
  snapshot.regions.resize(regions);
  for (std::size_t i = 0; i < regions; ++i) snapshot.regions[i].key = {{1}, i * kDefaultRegionSize.value};
  const std::vector<float> features = testing::random_features(regions * shape.features, 2);
  std::vector<float> outputs(regions * kHeadOutputs);
  Roster roster;
  const auto step = [&] { return (*made)->step(roster, {features}, outputs, [] { return true; }); };
  roster.update(snapshot), step(), roster.update(snapshot);
  for (std::size_t tick = 0; tick < shape.receptive_field(); ++tick) step();
  for (auto _ : bench) benchmark::DoNotOptimize(step());
  per_region(bench, regions);
  bench.counters["bytes_per_region"] =
      static_cast<double>((*made)->bytes_used()) / static_cast<double>(regions);
}
#define TIER_RUNNER(name, kind, code) \
  BENCHMARK_CAPTURE(run, name, kind, code)->ArgsProduct({{8, 16}, {1'000, 10'000, 100'000}})
TIER_RUNNER(streaming, RunnerKind::kStreaming, best_vector_code());
TIER_RUNNER(pyramid, RunnerKind::kPyramid, best_vector_code());
TIER_RUNNER(onednn_pyramid, RunnerKind::kOnednnPyramid, best_vector_code());
BENCHMARK_CAPTURE(run, streaming_portable, RunnerKind::kStreaming, VectorCode::kPortable)->Args({8, 10'000});
BENCHMARK_CAPTURE(run, pyramid_portable, RunnerKind::kPyramid, VectorCode::kPortable)->Args({8, 10'000});

// The whole learned forecaster; what of it is features; idle regions, of which none is ever sampled.
void learned(benchmark::State& bench, bool idle) {
  const auto regions = static_cast<std::size_t>(bench.range(0));
  auto list = benchmark_snapshots(regions);
  for (RegionSnapshot& snapshot : list)
    for (Region& region : snapshot.regions)
      if (idle) region.samples = 0, region.demand = {}, region.idle = kNever;
  const auto model = std::make_shared<const NamedModel>(NamedModel{Model::random({}, 1), "random", {}});
  const auto forecaster = forecaster_maker(model)(kLearnedForecaster);
  std::size_t tick = 0;
  for (; tick < 40; ++tick) forecaster->forecast(list[tick % list.size()]);
  for (auto _ : bench) benchmark::DoNotOptimize(forecaster->forecast(list[tick++ % list.size()]));
  per_region(bench, regions);
  bench.counters["bytes_per_region"] =
      static_cast<double>(forecaster->bytes_used()) / static_cast<double>(regions);
}
BENCHMARK_CAPTURE(learned, active, false)->Arg(1'000)->Arg(10'000)->Arg(30'000);
BENCHMARK_CAPTURE(learned, idle, true)->Arg(10'000);

void features(benchmark::State& bench) {
  const auto regions = static_cast<std::size_t>(bench.range(0));
  const auto list = benchmark_snapshots(regions);
  RegionStatistics statistics;
  FeatureExtractor extractor;
  std::vector<float> counsel;
  std::size_t tick = 0;
  for (auto _ : bench) {
    bench.PauseTiming();
    const RegionSnapshot& snapshot = list[tick++ % list.size()];
    statistics.observe(snapshot);
    counsel.assign(statistics.size(), 1000);
    bench.ResumeTiming();
    extractor.observe(snapshot, statistics, {counsel, counsel, counsel});
  }
  per_region(bench, regions);
}
BENCHMARK(features)->Arg(10'000);

// A window of 64 ticks and 256 regions.
void dense(benchmark::State& bench, bool backward) {
  const NetworkShape shape{32, static_cast<std::uint32_t>(bench.range(0)),
                           static_cast<std::uint32_t>(bench.range(1))};
  constexpr std::size_t kSize = 64 * 256;
  auto made = DenseNetwork::make(shape, 64, 256, Kernels::kOnednn);
  if (!made) return bench.SkipWithError("oneDNN is of no use here");
  const auto weights = testing::random_weights(shape, 1), features = testing::random_features(kSize * 32, 2),
             d_outputs = testing::random_features(kSize * kHeadOutputs, 3);
  std::vector<float> outputs(kSize * kHeadOutputs), d_weights(weights.size());
  const std::vector<std::uint32_t> first(256, 0);
  for (auto _ : bench) {
    bool done = (*made)->forward(weights, features, first, outputs).has_value();
    if (backward) done = done && (*made)->backward(d_outputs, d_weights).has_value();
    benchmark::DoNotOptimize(done);
  }
  per_region(bench, kSize);
  bench.SetLabel("oneDNN " + onednn_version());
}
BENCHMARK_CAPTURE(dense, forward, false)
    ->Args({8, 3})
    ->Args({16, 3})
    ->Args({8, 0})
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(dense, forward_backward, true)
    ->Args({8, 3})
    ->Args({16, 3})
    ->Args({8, 0})
    ->Unit(benchmark::kMillisecond);

void head(benchmark::State& bench, bool backward) {
  constexpr std::size_t kRows = 10'000, kForecasts = kRows * kHorizons.size();
  const auto outputs = testing::random_features(kRows * kHeadOutputs, 1),
             baselines = testing::random_features(kForecasts * kBaselines, 2);
  std::vector<float> low(kForecasts, 1), mean(low), high(low), d_outputs(outputs.size());
  for (auto _ : bench) {
    if (backward) {
      apply_head_backward({outputs, BaselineColumns::of_rows(baselines), 1},
                          {low, mean, high, true, d_outputs});
    } else {
      apply_head({outputs, BaselineColumns::of_rows(baselines), 1}, {low, mean, high});
    }
    benchmark::DoNotOptimize(low.data()), benchmark::DoNotOptimize(d_outputs.data());
  }
  per_region(bench, kRows);
}
BENCHMARK_CAPTURE(head, forward, false);
BENCHMARK_CAPTURE(head, backward, true);

}  // namespace
}  // namespace tier

BENCHMARK_MAIN();
