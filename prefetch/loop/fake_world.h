// A machine whose programs get on by what its registers and read-ahead hold: four cores of two CPUs, one
// disk. For the tests of whoever tunes it.
#pragma once

#include <atomic>
#include <cmath>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "platform/api/meter.h"
#include "platform/api/prefetch_machine.h"
#include "platform/fake/fake_knobs.h"

namespace tier {

inline constexpr std::uint32_t kCores = 4, kDevice = 8 << 20 | 16;
inline constexpr std::uint64_t kFound = 0x820;  // bits that are no prefetcher's
inline constexpr const char* kRegisters = R"(
[[generation]]
name = "test"
vendor = "GenuineIntel"
family = 6
models = "any"
source = "this test"
[[generation.register]]
address = 0x1A4
scope = "core"
disable = { l2-streamer = 0, l1-streamer = 2 }
)";

// Goes on by itself, as a real one does: what is read after a look at it is later.
class RunningClock final : public Clock {
 public:
  Nanoseconds now() const override { return Nanoseconds(now_.fetch_add(1000)); }
  void advance(Nanoseconds by) { now_ += by.count(); }

 private:
  mutable std::atomic<std::int64_t> now_{0};  // the lease's thread looks, too
};

inline Knob register_of(std::uint32_t core) { return {kTierKnobRegister, 2 * core, 0x1A4}; }
inline constexpr Knob kReadahead{kTierKnobReadahead, kDevice, 0};

// Counts what programs get done, by what the knobs hold.
class World final : public Meter {
 public:
  World(FakeKnobs& knobs, const Clock& clock) : knobs_(knobs), clock_(clock) {
    for (std::uint32_t core = 0; core < kCores; ++core) knobs.at(register_of(core)) = kFound;
    knobs.at(kReadahead) = 128;
  }
  const char* name() const override { return "world"; }
  std::vector<CounterReading> read() override {
    if (blind) return {};
    const Nanoseconds now = clock_.now();
    const double passed = seconds(now - last_);
    last_ = now;
    std::vector<CounterReading> all;
    for (std::uint32_t cpu = 0; cpu < 2 * kCores; ++cpu) {
      if (offline.contains(cpu)) continue;
      const bool off = (knobs_.at(register_of(cpu / 2)) & 5) == 5;
      instructions_[cpu] += passed * 1e9 * (off ? 1 + off_gain : 1) * std::exp(noise_(random_));
      all.push_back({Signal::kInstructions, cpu, static_cast<std::uint64_t>(instructions_[cpu]), now});
    }
    const double kib = static_cast<double>(knobs_.at(kReadahead));
    demand_ += passed * 100e6 * (readahead_best == kib ? 1.5 : 1) * std::exp(noise_(random_));
    all.push_back({Signal::kFileDemand, kDevice, static_cast<std::uint64_t>(demand_), now});
    all.push_back({Signal::kDeviceRead, kDevice, static_cast<std::uint64_t>(demand_), now});
    if (meanwhile) meanwhile();
    return all;
  }

  double off_gain = 0, readahead_best = 128;
  bool blind = false;
  std::function<void()> meanwhile;  // happens while it is read
  std::set<std::uint32_t> offline;

 private:
  FakeKnobs& knobs_;
  const Clock& clock_;
  Nanoseconds last_{};
  std::map<std::uint32_t, double> instructions_;
  double demand_ = 0;
  std::mt19937_64 random_{3};
  std::normal_distribution<double> noise_{0, 0.005};
};

// Its cores, as far as these CPUs are online, and its disk.
inline PrefetchMachine world_machine(const std::vector<std::uint32_t>& online) {
  PrefetchMachine made;
  for (std::uint32_t core = 0; core < kCores; ++core) {
    CpuGroup group{
        2 * core, {}, {"GenuineIntel", 6, 1, CoreKind::kOnly, [](const CpuidBit&) { return true; }}};
    for (const std::uint32_t cpu : online)
      if (cpu / 2 == core) group.cpus.push_back(cpu);
    if (!group.cpus.empty()) made.cores.push_back(group);
  }
  made.devices = {{"sdb", 8, 16}};
  return made;
}

}  // namespace tier
