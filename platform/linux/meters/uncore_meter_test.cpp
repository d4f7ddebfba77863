#include "platform/linux/meters/uncore_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/perf_event.h>

#include "platform/fake/tree.h"
#include "platform/linux/meters/memory_nodes.h"
#include "platform/linux/meters/uncore_events.h"

namespace tier {
namespace {

using ::testing::HasSubstr;

const std::string kPmus = "sys/bus/event_source/devices/";

// Two sockets, a node of DRAM each; more nodes are written by the tests.
class UncoreTest : public ::testing::Test {
 protected:
  UncoreTest() {
    nodes("0-1");
    node(0, "0-3", "10 21");
    node(1, "4-7", "21 10");
  }
  void nodes(const std::string& online) { tree_.write("sys/devices/system/node/online", online + "\n"); }
  void node(int id, const std::string& cpus, const std::string& distances) {
    const std::string folder = "sys/devices/system/node/node" + std::to_string(id);
    tree_.write(folder + "/cpulist", cpus + "\n");
    tree_.write(folder + "/distance", distances + "\n");
  }
  void pmu(const std::string& name, int type, const std::string& cpumask = "0,4") {
    tree_.write(kPmus + name + "/type", std::to_string(type) + "\n");
    tree_.write(kPmus + name + "/cpumask", cpumask + "\n");
    tree_.write(kPmus + name + "/format/event", "config:0-7\n");
    tree_.write(kPmus + name + "/format/umask", "config:8-15\n");
    tree_.write(kPmus + name + "/format/rdwrmask", "config:8-9\n");
  }
  void alias(const std::string& file, const std::string& terms, const std::string& scale = "6.103515625e-5",
             const std::string& unit = "MiB") {
    tree_.write(kPmus + file, terms + "\n");
    if (!scale.empty()) tree_.write(kPmus + file + ".scale", scale + "\n");
    if (!unit.empty()) tree_.write(kPmus + file + ".unit", unit + "\n");
  }
  void imc(int number) {
    const std::string name = "uncore_imc_" + std::to_string(number);
    pmu(name, 20 + number);
    alias(name + "/events/cas_count_read", "event=0x05,umask=0xcf");
    alias(name + "/events/cas_count_write", "event=0x05,umask=0xf0");
    alias(name + "/events/clockticks", "event=0x01", "", "");
  }
  std::vector<UncoreEvent> found() {
    auto events = find_uncore_events(tree_.root());
    EXPECT_TRUE(events) << events.error().text();
    return events.value_or(std::vector<UncoreEvent>{});
  }

  TemporaryTree tree_{{{"proc/vmstat", ""}}};
};

TEST_F(UncoreTest, IntelChannelsBySocket) {
  imc(0), imc(11);
  const auto events = found();
  ASSERT_EQ(events.size(), 8U) << "two channels, two ways, two sockets";
  EXPECT_EQ(events[0].name, "uncore_imc_0/cas_count_read");
  EXPECT_EQ(events[0].signal, Signal::kMemoryRead);
  EXPECT_EQ(events[0].encoding.type, 20U);
  EXPECT_EQ(events[0].encoding.config, 0xcf05U);
  EXPECT_DOUBLE_EQ(events[0].bytes, 64);
  EXPECT_EQ(events[0].cpu, 0);
  EXPECT_EQ(events[0].node, 0U);
  EXPECT_EQ(events[1].cpu, 4);
  EXPECT_EQ(events[1].node, 1U);
  EXPECT_EQ(events[7].signal, Signal::kMemoryWritten);
  EXPECT_EQ(events[7].encoding.type, 31U);
  EXPECT_EQ(events[7].encoding.config, 0xf005U);
}

TEST_F(UncoreTest, BothSchedulersOfAChannelAreAdded) {
  pmu("uncore_imc_0", 20, "0");
  alias("uncore_imc_0/events/cas_count_read_sch0", "event=0x05,umask=0xcf");
  alias("uncore_imc_0/events/cas_count_read_sch1", "event=0x06,umask=0xcf");
  const auto events = found();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[1].encoding.config, 0xcf06U);
}

TEST_F(UncoreTest, FreeRunningCountersDoNotCountTwice) {
  const auto free_running = [&] {
    pmu("uncore_imc_free_running_0", 40, "0");
    alias("uncore_imc_free_running_0/events/data_read", "event=0xff,umask=0x20");
    alias("uncore_imc_free_running_0/events/data_write", "event=0xff,umask=0x30");
  };
  free_running();
  EXPECT_EQ(found().size(), 2U);
  imc(0);
  for (const UncoreEvent& event : found()) EXPECT_THAT(event.name, HasSubstr("cas_count"));
}

TEST_F(UncoreTest, AmdChannelsHaveNoAliases) {
  pmu("amd_umc_0", 50, "0");
  pmu("amd_umc_12", 62, "4");
  pmu("amd_l3", 70);
  const auto events = found();
  ASSERT_EQ(events.size(), 4U);
  EXPECT_EQ(events[0].encoding.config, 0x10aU);
  EXPECT_EQ(events[1].encoding.config, 0x20aU);
  EXPECT_EQ(events[1].signal, Signal::kMemoryWritten);
  EXPECT_EQ(events[2].node, 1U);
  EXPECT_DOUBLE_EQ(events[2].bytes, 64);
}

TEST_F(UncoreTest, HighBandwidthMemoryCountsHalfLinesOfItsOwnNode) {
  imc(0);
  pmu("uncore_hbm_0", 80, "0");
  nodes("0-3");
  node(0, "0-3", "10 21 13 23");
  node(1, "4-7", "21 10 23 13");
  node(2, "", "13 23 10 23");
  node(3, "", "23 13 23 10");
  const auto events = found();
  ASSERT_EQ(events.size(), 6U);
  EXPECT_EQ(events[4].name, "uncore_hbm_0/event=0x05,umask=0xcf");
  EXPECT_EQ(events[4].node, 2U);
  EXPECT_DOUBLE_EQ(events[4].bytes, 32);
  EXPECT_EQ(events[4].encoding.config, 0xcf05U);
}

TEST_F(UncoreTest, HighBandwidthMemoryAsACacheIsNotMemorys) {
  imc(0);
  pmu("uncore_hbm_0", 80, "0");
  for (const UncoreEvent& event : found()) EXPECT_THAT(event.name, HasSubstr("uncore_imc"));
  nodes("0-2");  // expanders are farther than high-bandwidth memory can be
  node(0, "0-3", "10 21 24");
  node(1, "4-7", "21 10 30");
  node(2, "", "24 30 10");
  for (const UncoreEvent& event : found()) EXPECT_THAT(event.name, HasSubstr("uncore_imc"));
}

TEST_F(UncoreTest, HighBandwidthMemoryAloneIsTheNodes) {
  pmu("uncore_hbm_0", 80, "4");
  const auto events = found();
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].node, 1U);
}

TEST_F(UncoreTest, WhatMakesNoSenseIsNamed) {
  imc(0);
  const auto refused = [&](const std::string& file, const std::string& text) {
    tree_.write(kPmus + "uncore_imc_0/" + file, text);
    const auto events = find_uncore_events(tree_.root());
    return events ? std::string("taken") : events.error().message;
  };
  for (const char* scale : {"0\n", "-1\n", "nan\n", "inf\n", "1e300\n", "6.1e-5 MiB\n", "\n"})
    EXPECT_THAT(refused("events/cas_count_read.scale", scale), HasSubstr("cas_count_read")) << scale;
  EXPECT_THAT(refused("events/cas_count_read.scale", "6.103515625e-5"), "taken");
  EXPECT_THAT(refused("events/cas_count_read.unit", "Joules\n"), HasSubstr("cas_count_read"));
  EXPECT_THAT(refused("events/cas_count_read.unit", "MiB\n"), "taken");
  EXPECT_THAT(refused("cpumask", "\n"), HasSubstr("cpumask"));
  EXPECT_THAT(refused("cpumask", "99\n"), HasSubstr("in no node"));
  EXPECT_THAT(refused("cpumask", "0\n"), "taken");
  EXPECT_THAT(refused("format/umask", "config9\n"), HasSubstr("format"));
}

TEST_F(UncoreTest, SocketsAreOfTheirFirstCpu) {
  tree_.write("sys/devices/system/cpu/cpu2/topology/physical_package_id", "0\n");
  tree_.write("sys/devices/system/cpu/cpu6/topology/physical_package_id", "1\n");
  const MemoryNodes nodes(tree_.root());
  EXPECT_EQ(nodes.of_socket(0), 0U);
  EXPECT_EQ(nodes.of_socket(1), 1U);
  EXPECT_FALSE(nodes.of_socket(2));
  EXPECT_FALSE(nodes.of_cpu(8));
}

// Counters by PMU type and configuration and CPU, as the test sets them.
class UncoreMeterTest : public UncoreTest {
 protected:
  struct Counter final : PerfCounter {
    Result<PerfCount> read() override {
      if (broken) return fail(ErrorKind::kFailed, "gone");
      return count;
    }
    PerfCount count;
    bool broken = false;
  };
  MeterResult make() {
    return make_uncore_meter(
        clock_, tree_.root(),
        [this](const HardwareEncoding& event, int cpu) -> Result<std::unique_ptr<PerfCounter>> {
          if (refuse && cpu == 4) return fail(ErrorKind::kPermission, "perf_event_open", "CAP_PERFMON");
          auto made = std::make_unique<Counter>();
          counters[{event.type, event.config, cpu}] = made.get();
          return made;
        });
  }
  Counter& at(unsigned type, std::uint64_t config, int cpu) { return *counters.at({type, config, cpu}); }

  std::map<std::tuple<unsigned, std::uint64_t, int>, Counter*> counters;
  bool refuse = false;
  ManualClock clock_;
};

TEST_F(UncoreMeterTest, AddsTheChannelsOfANode) {
  imc(0), imc(1);
  const auto meter = make();
  ASSERT_TRUE(meter) << meter.error().text();
  at(20, 0xcf05, 0).count = {10, Nanoseconds{100}, Nanoseconds{90}};
  at(21, 0xcf05, 0).count = {5, Nanoseconds{100}, Nanoseconds{100}};
  at(21, 0xf005, 4).count = {1, Nanoseconds{7}, Nanoseconds{7}};
  clock_.advance(Nanoseconds{55});
  const auto readings = (*meter)->read();
  ASSERT_EQ(readings.size(), 4U);
  EXPECT_EQ(readings[0].signal, Signal::kMemoryRead);
  EXPECT_EQ(readings[0].unit, 0U);
  EXPECT_EQ(readings[0].value, 15U * 64);
  EXPECT_EQ(readings[0].enabled, Nanoseconds{200});
  EXPECT_EQ(readings[0].running, Nanoseconds{190});
  EXPECT_EQ(readings[0].at, Nanoseconds{55});
  EXPECT_EQ(readings[3].signal, Signal::kMemoryWritten);
  EXPECT_EQ(readings[3].unit, 1U);
  EXPECT_EQ(readings[3].value, 64U);
}

TEST_F(UncoreMeterTest, ANodeWithABrokenCounterIsLeftOut) {
  imc(0), imc(1);
  const auto meter = make();
  ASSERT_TRUE(meter);
  at(20, 0xcf05, 4).broken = true;
  const auto readings = (*meter)->read();
  ASSERT_EQ(readings.size(), 3U);
  for (const CounterReading& reading : readings)
    EXPECT_FALSE(reading.signal == Signal::kMemoryRead && reading.unit == 1);
  at(20, 0xcf05, 4).broken = false;
  at(20, 0xcf05, 0).count.value = UINT64_MAX;
  EXPECT_EQ((*meter)->read().size(), 3U) << "more bytes than a number holds";
}

TEST_F(UncoreMeterTest, OneThatMayNotBeOpenedRefusesAll) {
  imc(0);
  refuse = true;
  const auto meter = make();
  ASSERT_FALSE(meter);
  EXPECT_EQ(meter.error().kind, ErrorKind::kPermission);
  EXPECT_THAT(meter.error().message, HasSubstr("uncore_imc_0/cas_count_read"));
  EXPECT_EQ(meter.error().fix, "CAP_PERFMON");
}

TEST_F(UncoreMeterTest, AMachineWithoutCountersIsRefused) {
  const auto meter = make();
  ASSERT_FALSE(meter);
  EXPECT_EQ(meter.error().kind, ErrorKind::kUnsupported);
  EXPECT_THAT(meter.error().message, HasSubstr("uncore_imc"));
}

// The kernel's own event, on a counter that needs no hardware.
TEST(PerfCounter, CountsWithTheTimesItWasAskedFor) {
  HardwareEncoding event;
  event.type = PERF_TYPE_SOFTWARE, event.config = PERF_COUNT_SW_CPU_CLOCK;
  const auto counter = open_perf_counter(event, 0);
  if (!counter && counter.error().kind == ErrorKind::kPermission) GTEST_SKIP() << counter.error().text();
  ASSERT_TRUE(counter) << counter.error().text();
  const auto first = (*counter)->read(), second = (*counter)->read();
  ASSERT_TRUE(first && second);
  EXPECT_GE(second->value, first->value);
  EXPECT_GT(second->enabled, first->enabled);
  EXPECT_EQ(second->running, second->enabled);
  EXPECT_FALSE(open_perf_counter(event, 60000).has_value()) << "no such CPU";
}

}  // namespace
}  // namespace tier
