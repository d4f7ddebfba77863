// Price per region and tick of the statistics, of each expert and of the switch.
#include <benchmark/benchmark.h>

#include "predictor/experts/benchmark_snapshots.h"
#include "predictor/switch.h"

namespace tier {
namespace {

void per_region(benchmark::State& bench) {
  bench.counters["per_region"] =
      benchmark::Counter(static_cast<double>(bench.range(0)),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void statistics(benchmark::State& bench) {
  const auto list = benchmark_snapshots(static_cast<std::size_t>(bench.range(0)));
  RegionStatistics observed;
  std::size_t tick = 0;
  for (auto _ : bench) observed.observe(list[tick++ % list.size()]);
  per_region(bench);
}
BENCHMARK(statistics)->Arg(1'000)->Arg(10'000)->Arg(100'000);

// One expert's own part of a tick, and its forecast of all regions at one horizon.
void expert(benchmark::State& bench, const ExpertEntry& entry) {
  const auto list = benchmark_snapshots(static_cast<std::size_t>(bench.range(0)));
  RegionStatistics observed;
  const auto made = entry.make();
  std::vector<float> out;
  std::size_t tick = 0;
  for (auto _ : bench) {
    bench.PauseTiming();
    const RegionSnapshot& snapshot = list[tick++ % list.size()];
    observed.observe(snapshot);
    out.resize(observed.size());
    bench.ResumeTiming();
    made->observe(snapshot, observed);
    made->forecast(observed, 1, Rows::all(out.size()), out);
    benchmark::DoNotOptimize(out.data());
  }
  per_region(bench);
}

void whole(benchmark::State& bench, bool with_standing) {
  const auto list = benchmark_snapshots(static_cast<std::size_t>(bench.range(0)));
  SwitchSettings settings;
  for (const ExpertEntry& entry : expert_table())
    if (with_standing || entry.name != std::string("exponential-average"))
      settings.experts.emplace_back(entry.name);
  Switch follower(settings);
  std::size_t tick = 0;
  for (auto _ : bench) benchmark::DoNotOptimize(follower.forecast(list[tick++ % list.size()]));
  per_region(bench);
  bench.counters["bytes_per_region"] =
      static_cast<double>(follower.bytes_used()) / static_cast<double>(bench.range(0));
}
BENCHMARK_CAPTURE(whole, all_experts, true)->Arg(1'000)->Arg(10'000)->Arg(100'000);
BENCHMARK_CAPTURE(whole, without_exponential_average, false)->Arg(1'000)->Arg(10'000)->Arg(100'000);

const bool kRegistered = [] {
  for (const ExpertEntry& entry : expert_table())
    benchmark::RegisterBenchmark((std::string("expert/") + entry.name).c_str(), [&entry](
                                                                                    benchmark::State& bench) {
      expert(bench, entry);
    })->Arg(10'000);
  return true;
}();

}  // namespace
}  // namespace tier

BENCHMARK_MAIN();
