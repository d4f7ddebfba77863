// What one tick of reading costs on this machine: each meter that is there, and all of them.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "platform/linux/machine.h"
#include "platform/linux/meters/meters.h"

namespace tier {
namespace {

void read(benchmark::State& bench, Meter& meter) {
  std::size_t counters = 0;
  for (auto _ : bench) counters = meter.read().size();
  bench.counters["counters"] = static_cast<double>(counters);
}

void read_all(benchmark::State& bench, const std::vector<std::unique_ptr<Meter>>& meters) {
  for (auto _ : bench)
    for (const auto& meter : meters) benchmark::DoNotOptimize(meter->read());
}

}  // namespace
}  // namespace tier

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const tier::MonotonicClock clock;
  std::vector<tier::MeterDecision> decisions;
  const auto meters = tier::start_meters(clock, {}, decisions);
  for (const auto& decision : decisions)
    fmt::print("{:8} {:4} {}\n", decision.name, decision.used ? "yes" : "no", decision.reason);
  for (const auto& meter : meters)
    benchmark::RegisterBenchmark(meter->name(),
                                 [&meter](benchmark::State& bench) { tier::read(bench, *meter); });
  benchmark::RegisterBenchmark("all", [&meters](benchmark::State& bench) { tier::read_all(bench, meters); });
  benchmark::RunSpecifiedBenchmarks();
}
