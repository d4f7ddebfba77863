// What one tick of reading costs on this machine: each meter that is there, all of them, and those that are
// read whatever is armed.
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

void read_all(benchmark::State& bench, const std::vector<Meter*>& meters) {
  for (auto _ : bench)
    for (Meter* meter : meters) benchmark::DoNotOptimize(meter->read());
}

}  // namespace
}  // namespace tier

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const tier::MonotonicClock clock;
  std::vector<std::unique_ptr<tier::Meter>> meters;
  std::vector<tier::Meter*> all, at_rest;  // at_rest: read though no prefetch control is armed
  for (const tier::MeterEntry& entry : tier::meter_table(clock, {})) {
    auto made = entry.make();
    fmt::print("{:11} {:4} {}\n", entry.name, made ? "yes" : "no", made ? entry.gives : made.error().text());
    if (!made) continue;
    meters.push_back(*std::move(made));
    tier::Meter* const meter = meters.back().get();
    all.push_back(meter);
    if (entry.actuator.empty()) at_rest.push_back(meter);
    benchmark::RegisterBenchmark(meter->name(),
                                 [meter](benchmark::State& bench) { tier::read(bench, *meter); });
  }
  benchmark::RegisterBenchmark("all", [&all](benchmark::State& bench) { tier::read_all(bench, all); });
  benchmark::RegisterBenchmark("at-rest",
                               [&at_rest](benchmark::State& bench) { tier::read_all(bench, at_rest); });
  benchmark::RunSpecifiedBenchmarks();
}
