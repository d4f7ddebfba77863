// CPU time of one decision over 64 cores: whole process, the lease's thread included, what a core caches cold
// as it is a second after the last one. Meters of the kernel are real, registers are not: see
// docs/benchmarks.md for what that leaves out.
#include <benchmark/benchmark.h>

#include <cmath>
#include <ctime>
#include <filesystem>
#include <random>

#include "platform/fake/fake_knobs.h"
#include "platform/linux/meters/file_meters.h"
#include "platform/linux/prefetch_machine.h"
#include "prefetch/loop/prefetch_loop.h"

namespace tier {
namespace {

constexpr std::uint32_t kCores = 64;
constexpr unsigned kTuning = 60, kUntilSteady = 600;  // ticks
constexpr const char* kRegisters = R"(
[[generation]]
name = "benchmark"
vendor = "GenuineIntel"
family = 6
models = "any"
source = "the benchmark"
[[generation.register]]
address = 0x1A4
scope = "core"
disable = { l2-streamer = 0, l2-adjacent = 1, l1-streamer = 2, l1-ip = 3 }
)";

// FakeKnobs has CPUs 2n and 2n + 1 share a register.
std::uint32_t cpu_of(std::uint32_t core) { return 2 * core; }
Knob register_of(std::uint32_t core) { return {kTierKnobRegister, cpu_of(core), 0x1A4}; }

// Instructions of 64 CPUs, a twentieth more where all prefetchers are off.
class Instructions final : public Meter {
 public:
  Instructions(FakeKnobs& knobs, const Clock& clock) : knobs_(knobs), clock_(clock), counts_(kCores) {}
  const char* name() const override { return "instructions"; }
  std::vector<CounterReading> read() override {
    std::vector<CounterReading> all;
    for (std::uint32_t core = 0; core < kCores; ++core) {
      const bool off = (knobs_.at(register_of(core)) & 0xF) == 0xF;
      counts_[core] += 1e9 * (off ? 1.05 : 1) * std::exp(noise_(random_));
      all.push_back(
          {Signal::kInstructions, cpu_of(core), static_cast<std::uint64_t>(counts_[core]), clock_.now()});
    }
    return all;
  }

 private:
  FakeKnobs& knobs_;
  const Clock& clock_;
  std::vector<double> counts_;
  std::mt19937_64 random_{1};
  std::normal_distribution<double> noise_{0, 0.02};
};

PrefetchMachine cores() {
  PrefetchMachine machine;
  for (std::uint32_t core = 0; core < kCores; ++core)
    machine.cores.push_back({core,
                             {cpu_of(core)},
                             {"GenuineIntel", 6, 1, CoreKind::kOnly, [](const CpuidBit&) { return true; }}});
  return machine;
}

// Every core waits, a third of each walks its memory in one way.
PrefetchNode busy_node() {
  PrefetchNode node;
  node.cpus.resize(2 * kCores);
  for (std::uint32_t core = 0; core < kCores; ++core)
    node.cpus[cpu_of(core)] = {static_cast<AccessPattern>(core % 3 + 1), 0.4, core % 2 == 0 ? 0.3 : 0.1};
  return node;
}

class Bench {
 public:
  Bench() {
    for (std::uint32_t core = 0; core < kCores; ++core) knobs_.at(register_of(core)) = 0;
    PrefetchLoopParts parts{knobs_, clock_};
    parts.serve_meters = [this](const std::set<std::string>& armed) {
      meters_ = armed.empty() ? std::vector<std::unique_ptr<Meter>>{} : meters();
    };
    parts.read_meters = [this] { return read_all(meters_); };
    parts.registers = *read_register_table(kRegisters, "benchmark");
    parts.read_machine = []() -> Result<PrefetchMachine> { return cores(); };
    parts.read_state = [] { return read_machine_state(); };
    parts.open_journal = [this] { return KnobJournal::open(journal_, std::string(kTierBootIdSize, 'b')); };
    parts.log = [this](const std::string& line) { logged_ += line.size(); };
    PrefetchLoopSettings settings;
    settings.actuators = {"hardware"};
    loop_ = std::make_unique<PrefetchLoop>(std::move(parts), settings);
  }
  ~Bench() {
    loop_.reset();
    std::filesystem::remove(journal_);
  }

  bool begin() { return loop_->disarm().has_value() && loop_->arm().has_value(); }
  // Seconds of CPU.
  double tick() {
    for (std::size_t i = 0; i < others_.size(); i += 64) ++others_[i];
    benchmark::DoNotOptimize(others_.data());
    clock_.advance(std::chrono::seconds(1));
    const double before = cpu();
    loop_->tick(node_);
    return cpu() - before;
  }
  std::uint64_t written() const { return loop_->written(); }
  std::size_t controls() const { return loop_->standings().size(); }

 private:
  static double cpu() {
    timespec t{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
  }
  std::vector<std::unique_ptr<Meter>> meters() {
    std::vector<std::unique_ptr<Meter>> all;
    all.push_back(std::make_unique<Instructions>(knobs_, clock_));
    for (auto* make : {make_cpu_meter, make_psi_meter, make_vmstat_meter, make_block_meter})
      if (auto meter = make(clock_, "")) all.push_back(*std::move(meter));
    return all;
  }

  const std::filesystem::path journal_ = "/dev/shm/prefetch-benchmark.journal";  // memory, as /run is
  FakeKnobs knobs_;
  ManualClock clock_;
  PrefetchNode node_ = busy_node();
  std::vector<std::unique_ptr<Meter>> meters_;
  std::vector<unsigned char> others_ =
      std::vector<unsigned char>(64U << 20);  // what programs touch meanwhile
  std::size_t logged_ = 0;
  std::unique_ptr<PrefetchLoop> loop_;
};

void run(benchmark::State& state, bool tuning) {
  Bench bench;
  if (!bench.begin() || bench.controls() != kCores) return state.SkipWithError("it cannot be armed");
  for (unsigned i = 0; !tuning && i < kUntilSteady; ++i) bench.tick();
  std::uint64_t writes = 0, ticks = 0;
  for (auto _ : state) {
    if (tuning && ticks % kTuning == 0 && !bench.begin()) return state.SkipWithError("it cannot be armed");
    const std::uint64_t before = bench.written();
    state.SetIterationTime(bench.tick());
    writes += bench.written() - before, ++ticks;
  }
  state.counters["writes"] = static_cast<double>(writes) / static_cast<double>(ticks);
}
BENCHMARK_CAPTURE(run, steady, false)->UseManualTime()->Unit(benchmark::kMicrosecond)->Iterations(600);
BENCHMARK_CAPTURE(run, tuning, true)->UseManualTime()->Unit(benchmark::kMicrosecond)->Iterations(600);

}  // namespace
}  // namespace tier

BENCHMARK_MAIN();
