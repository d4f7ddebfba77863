// Price of folding samples and of closing a tick.
#include <benchmark/benchmark.h>

#include <random>

#include "tierd/tracker/tracker.h"

namespace tier {
namespace {

constexpr Address kBase = 0x100000000;
constexpr std::uint64_t kRegion = kDefaultRegionSize.value;

// Arguments: regions, samples per tick.
void fold_and_close(benchmark::State& bench) {
  const auto regions = static_cast<std::uint64_t>(bench.range(0));
  const auto samples = static_cast<std::size_t>(bench.range(1));
  Tracker tracker;
  Target target;
  target.id = {1};
  target.resident = {regions * kRegion};
  Mapping mapping;
  mapping.range = {kBase, kBase + regions * kRegion};
  mapping.readable = mapping.writable = true;
  tracker.set_target(target, std::vector<Mapping>{mapping});
  TierTopology topology;
  topology.tiers = {{0, {{0}}, Nanoseconds{100}}, {1, {{1}}, Nanoseconds{250}}};
  tracker.set_topology(topology);
  SystemState system;
  system.nodes = {{{0}, Nanoseconds{100}, {}, {}, true}, {{1}, Nanoseconds{250}, {}, {}, true}};
  for (std::uint64_t i = 0; i < regions; ++i)
    tracker.set_residency({{1}, kBase + i * kRegion},
                          {NodeId{i % 8 == 0 ? 0 : 1}, {kRegion}, PageKind::kHuge});
  std::mt19937_64 random(1);
  SampleBatch batch;
  for (std::size_t i = 0; i < samples; ++i) {
    AccessSample sample;
    sample.target = {1};
    sample.address = kBase + random() % (regions * kRegion);
    sample.weight = 1e-3;
    batch.samples.push_back(sample);
  }
  std::uint64_t tick = 0;
  for (auto _ : bench) {
    tracker.fold(batch);
    ++tick;
    benchmark::DoNotOptimize(
        tracker.close_tick({tick}, std::chrono::seconds(tick), std::chrono::seconds(1), system));
  }
  bench.counters["bytes_per_region"] =
      static_cast<double>(tracker.bytes_used()) / static_cast<double>(regions);
  bench.counters["per_region"] =
      benchmark::Counter(static_cast<double>(regions),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK(fold_and_close)->Args({600, 200})->Args({10'000, 2000})->Args({100'000, 2000});

}  // namespace
}  // namespace tier

BENCHMARK_MAIN();
