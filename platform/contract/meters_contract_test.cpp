// What every Meter does: the machine's own, those on files of the kernel's layout, and the fake.
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <set>

#include "platform/fake/fake_meter.h"
#include "platform/fake/tree.h"
#include "platform/linux/machine.h"
#include "platform/linux/meters/file_meters.h"

namespace tier {
namespace {

using Counter = FakeMeter::Counter;

struct Rig {
  virtual ~Rig() = default;
  virtual Meter& meter() = 0;
  virtual void pass() {}                 // some time, in which something is counted
  virtual bool lose() { return false; }  // makes kLost unknown; false: this rig cannot
  std::set<Signal> lost;                 // what lose() takes away

  MonotonicClock clock;
};

struct FakeRig final : Rig {
  FakeRig() { pass(); }
  Meter& meter() override { return fake; }
  void pass() override {
    fake.add(Signal::kCycles, 100, 0), fake.add(Signal::kCycles, 50, 1), fake.add(Signal::kRefaults, 1);
  }
  bool lose() override {
    fake.unknown.insert({Signal::kRefaults, kWholeNode});
    lost = {Signal::kRefaults};
    return true;
  }
  FakeMeter fake{clock};
};

using Make = MeterResult (*)(const Clock&, const std::string&);

struct HostRig final : Rig {
  explicit HostRig(Make make) : made(make(clock, "")) {}
  Meter& meter() override { return **made; }
  MeterResult made;
};

// Files with one counter each that can be lost.
struct TreeRig final : Rig {
  TreeRig(Make make, std::string file, std::function<std::string(int)> text, Signal losing, std::string bad)
      : path(std::move(file)), write(std::move(text)), spoilt(std::move(bad)), signal(losing) {
    tree.write(path, write(0));
    made = make(clock, tree.root());
  }
  Meter& meter() override { return **made; }
  void pass() override { tree.write(path, write(++passed)); }
  bool lose() override {
    tree.write(path, spoilt);
    lost = {signal};
    return true;
  }
  TemporaryTree tree{{{"sys/block/sda/dev", "8:0\n"}, {"proc/pressure/io", "some total=5\n"}}};
  std::string path;
  std::function<std::string(int)> write;
  std::string spoilt;
  Signal signal;
  int passed = 0;
  MeterResult made = nullptr;
};

struct Case {
  const char* name;
  std::function<std::unique_ptr<Rig>()> make;
};

const Case kCases[] = {
    {"Fake", [] { return std::make_unique<FakeRig>(); }},
    {"HostVmstat", [] { return std::make_unique<HostRig>(make_vmstat_meter); }},
    {"HostPsi", [] { return std::make_unique<HostRig>(make_psi_meter); }},
    {"HostCpu", [] { return std::make_unique<HostRig>(make_cpu_meter); }},
    {"HostBlock", [] { return std::make_unique<HostRig>(make_block_meter); }},
    {"Vmstat",
     [] {
       return std::make_unique<TreeRig>(
           make_vmstat_meter, "proc/vmstat",
           [](int n) { return "pswpin " + std::to_string(n) + "\npgmajfault " + std::to_string(n) + "\n"; },
           Signal::kSwapIns, "pswpin many\npgmajfault 100\n");
     }},
    {"Cpu",
     [] {
       return std::make_unique<TreeRig>(
           make_cpu_meter, "proc/stat", [](int n) { return "cpu0 " + std::to_string(n) + " 0\n"; },
           Signal::kUserTime, "cpu0 many 0\n");
     }},
    {"Psi",
     [] {
       return std::make_unique<TreeRig>(
           make_psi_meter, "proc/pressure/memory",
           [](int n) { return "some avg10=0.00 total=" + std::to_string(n) + "\n"; }, Signal::kMemoryStall,
           "some avg10=0.00\n");
     }},
    {"Block",
     [] {
       return std::make_unique<TreeRig>(
           make_block_meter, "proc/diskstats",
           [](int n) { return "8 0 sda 1 1 " + std::to_string(n) + " 1\n"; }, Signal::kDeviceRead,
           "8 0 sda 1 1 many 1\n");
     }},
    {"Resctrl",
     [] {
       auto rig = std::make_unique<TreeRig>(
           make_resctrl_meter, "sys/fs/resctrl/mon_data/mon_L3_00/mbm_local_bytes",
           [](int n) { return std::to_string(n) + "\n"; }, Signal::kLocalTraffic, "Unavailable\n");
       rig->tree.write("sys/fs/resctrl/mon_data/mon_L3_00/mbm_total_bytes", "50\n");
       return rig;
     }},
};

class MetersContract : public ::testing::TestWithParam<Case> {
 protected:
  const std::unique_ptr<Rig> rig_ = GetParam().make();
};
INSTANTIATE_TEST_SUITE_P(All, MetersContract, ::testing::ValuesIn(kCases),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST_P(MetersContract, ItsNameStays) {
  const std::string name = rig_->meter().name();
  EXPECT_FALSE(name.empty());
  (void)rig_->meter().read();
  EXPECT_EQ(rig_->meter().name(), name);
}

TEST_P(MetersContract, CountersRiseAndTheirTimesAreNeverAhead) {
  std::map<Counter, CounterReading> last;
  for (int i = 0; i < 5; ++i) {
    rig_->pass();
    const auto readings = rig_->meter().read();
    const Nanoseconds now = rig_->clock.now();
    EXPECT_FALSE(readings.empty());
    for (const CounterReading& reading : readings) {
      const auto [before, is_new] = last.try_emplace({reading.signal, reading.unit}, reading);
      EXPECT_LE(reading.at, now);
      EXPECT_GT(reading.at.count(), 0);
      EXPECT_GE(reading.value, before->second.value) << to_string(reading.signal) << " of " << reading.unit;
      EXPECT_GE(reading.enabled, reading.running);
      EXPECT_TRUE(is_new || reading.at > before->second.at) << "not read anew";
      before->second = reading;
    }
  }
}

TEST_P(MetersContract, NoCounterIsGivenTwice) {
  std::set<Counter> seen;
  for (const CounterReading& reading : rig_->meter().read()) {
    EXPECT_LT(static_cast<std::size_t>(reading.signal), kSignals);
    EXPECT_TRUE(seen.insert({reading.signal, reading.unit}).second)
        << to_string(reading.signal) << " of " << reading.unit;
  }
}

TEST_P(MetersContract, WhatCannotBeReadIsLeftOut) {
  const auto given = [&](Signal signal) {
    for (const CounterReading& reading : rig_->meter().read())
      if (reading.signal == signal) return true;
    return false;
  };
  if (!rig_->lose()) GTEST_SKIP() << "the kernel's own files cannot be spoilt";
  for (const Signal signal : rig_->lost) EXPECT_FALSE(given(signal)) << to_string(signal);
}

}  // namespace
}  // namespace tier
