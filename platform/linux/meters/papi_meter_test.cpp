#include "platform/linux/meters/papi_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>

#include "platform/fake/tree.h"
#include "platform/linux/machine.h"
#include "platform/linux/meters/papi_functions.h"
#include "tests/sanitizers.h"

namespace tier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// PAPI's functions are global, and so is what stands in for it.
struct FakePapi {
  struct Set {
    int component = -1, cpu = -1, domain = 0;
    std::vector<int> events;
    bool running = false;
  };
  PAPI_component_info_t components[2]{};
  int version = PAPI_VER_CURRENT;
  std::map<int, Set> sets;
  int next = 1, shutdowns = 0;
  std::set<int> refused_cpus, broken_cpus;  // at start, at read
  std::map<int, long long> instructions;    // by CPU
};
FakePapi fake;

const PAPI_component_info_t* component(int index) { return &fake.components[index]; }
int create(int* set) {
  *set = fake.next++;
  fake.sets[*set] = {};
  return PAPI_OK;
}
int assign(int set, int index) {
  fake.sets.at(set).component = index;
  return PAPI_OK;
}
int set_option(int option, PAPI_option_t* value) {
  if (option == PAPI_DOMAIN) fake.sets.at(value->domain.eventset).domain = value->domain.domain;
  if (option == PAPI_CPU_ATTACH) fake.sets.at(value->cpu.eventset).cpu = static_cast<int>(value->cpu.cpu_num);
  return PAPI_OK;
}
int add(int set, int event) {
  fake.sets.at(set).events.push_back(event);
  return PAPI_OK;
}
int start(int set) {
  if (fake.refused_cpus.contains(fake.sets.at(set).cpu)) return PAPI_EPERM;
  fake.sets.at(set).running = true;
  return PAPI_OK;
}
int read(int set, long long* values) {
  const FakePapi::Set& of = fake.sets.at(set);
  if (!of.running || fake.broken_cpus.contains(of.cpu)) return PAPI_ESYS;
  for (std::size_t i = 0; i < of.events.size(); ++i)
    values[i] = fake.instructions[of.cpu] * (of.events[i] == PAPI_TOT_CYC ? 2 : 1);
  return PAPI_OK;
}
int stop(int set, long long*) {
  const int code = fake.sets.at(set).running ? PAPI_OK : PAPI_ENOTRUN;
  fake.sets.at(set).running = false;
  return code;
}
int cleanup(int set) { return fake.sets.at(set).running ? PAPI_EISRUN : PAPI_OK; }
int destroy(int* set) {
  fake.sets.erase(*set);
  *set = PAPI_NULL;
  return PAPI_OK;
}
char* error_text(int) {
  static char text[] = "no permission";
  return text;
}

Result<PapiFunctions> load_fake() {
  PapiFunctions papi;
  papi.library_init = [](int) { return fake.version; };
  papi.num_components = [] { return 2; };
  papi.get_component_info = component;
  papi.create_eventset = create, papi.destroy_eventset = destroy, papi.cleanup_eventset = cleanup;
  papi.assign_eventset_component = assign, papi.set_opt = set_option, papi.add_event = add;
  papi.start = start, papi.read = read, papi.stop = stop, papi.strerror = error_text;
  papi.shutdown = [] { ++fake.shutdowns; };
  return papi;
}

class PapiMeterTest : public ::testing::Test {
 protected:
  PapiMeterTest() {
    fake = {};
    std::strcpy(fake.components[0].name, "sysdetect");
    std::strcpy(fake.components[1].name, "perf_event");
    fake.instructions = {{0, 1000}, {1, 70}};
    clock_.advance(Nanoseconds{5});
  }
  void online(const std::string& list) { tree_.write("sys/devices/system/cpu/online", list + "\n"); }
  MeterResult make() { return make_papi_meter(clock_, tree_.root(), load_fake); }

  TemporaryTree tree_{{{"sys/devices/system/cpu/online", "0-1\n"}}};
  ManualClock clock_;
};

std::vector<std::uint64_t> values(Meter& meter) {
  std::vector<std::uint64_t> all;
  for (const CounterReading& reading : meter.read()) all.push_back(reading.value);
  return all;
}

TEST_F(PapiMeterTest, CountsUserModeOfEveryCpu) {
  {
    const auto meter = make();
    ASSERT_TRUE(meter) << meter.error().text();
    ASSERT_EQ(fake.sets.size(), 2U);
    for (const auto& [id, set] : fake.sets) {
      EXPECT_EQ(set.component, 1) << "the one called perf_event";
      EXPECT_EQ(set.domain, PAPI_DOM_USER);
      EXPECT_THAT(set.events, ElementsAre(PAPI_TOT_INS, PAPI_TOT_CYC));
    }
    const auto readings = (*meter)->read();
    ASSERT_EQ(readings.size(), 4U);
    EXPECT_EQ(readings[0].signal, Signal::kInstructions);
    EXPECT_EQ(readings[0].value, 1000U);
    EXPECT_EQ(readings[1].signal, Signal::kCycles);
    EXPECT_EQ(readings[1].value, 2000U);
    EXPECT_EQ(readings[2].unit, 1U);
    EXPECT_EQ(readings[2].value, 70U);
    EXPECT_EQ(readings[0].at, Nanoseconds{5});
  }
  EXPECT_THAT(fake.sets, IsEmpty());
  EXPECT_EQ(fake.shutdowns, 1);
}

TEST_F(PapiMeterTest, CpusComeAndGo) {
  const auto meter = make();
  ASSERT_TRUE(meter);
  online("0");
  EXPECT_THAT(values(**meter), ElementsAre(1000, 2000));
  EXPECT_EQ(fake.sets.size(), 1U);
  fake.instructions[2] = 9;
  online("0,2");
  EXPECT_THAT(values(**meter), ElementsAre(1000, 2000, 9, 18));
  online("");
  EXPECT_THAT(values(**meter), IsEmpty());
}

TEST_F(PapiMeterTest, WhatCannotBeReadIsLeftOut) {
  const auto meter = make();
  ASSERT_TRUE(meter);
  fake.broken_cpus = {0};
  EXPECT_THAT(values(**meter), ElementsAre(70, 140));
  fake.broken_cpus = {};
  fake.instructions[0] = -1;
  EXPECT_THAT(values(**meter), ElementsAre(70, 140));
  fake.refused_cpus = {2};
  online("1-2");
  EXPECT_THAT(values(**meter), ElementsAre(70, 140));
  EXPECT_EQ(fake.sets.size(), 1U) << "nothing is left of the try";
}

TEST_F(PapiMeterTest, OneCpuThatIsRefusedRefusesAll) {
  fake.refused_cpus = {1};
  const auto meter = make();
  ASSERT_FALSE(meter);
  EXPECT_EQ(meter.error().kind, ErrorKind::kPermission);
  EXPECT_THAT(meter.error().message, HasSubstr("PAPI_start on CPU 1: no permission"));
  EXPECT_THAT(meter.error().fix, HasSubstr("tierctl enable perf-events"));
  EXPECT_THAT(fake.sets, IsEmpty());
  EXPECT_EQ(fake.shutdowns, 1);
}

TEST_F(PapiMeterTest, ReasonsAreThoseOfPapi) {
  fake.components[1].disabled = PAPI_ECMP;
  std::strcpy(fake.components[1].disabled_reason, "no default PMU found");
  EXPECT_THAT(make().error().message, HasSubstr("no default PMU found"));
  EXPECT_THAT(make().error().fix, ::testing::Not(HasSubstr("perf-events"))) << "no right makes a PMU";
  std::strcpy(fake.components[1].disabled_reason, "/proc/sys/kernel/perf_event_paranoid prohibits using it");
  EXPECT_EQ(make().error().kind, ErrorKind::kPermission);
  EXPECT_THAT(make().error().fix, HasSubstr("tierctl enable perf-events"));
  std::strcpy(fake.components[1].name, "net");
  EXPECT_THAT(make().error().message, HasSubstr("without its perf_event component"));
  fake.version = PAPI_EINVAL;
  EXPECT_THAT(make().error().message, HasSubstr("PAPI_library_init answers"));
  EXPECT_EQ(fake.shutdowns, 5) << "not where it never began";
}

// On the machine itself: a PMU is there and counts, or the reason is said.
TEST(PapiMeter, OfThisMachineCountsOrSaysWhyNot) {
#if defined(TIER_ADDRESS_SANITIZER)
  const __lsan::ScopedDisabler papi_leaks;  // 208 KiB each time it begins and ends (7.0.0)
#endif
  const MonotonicClock clock;
  const auto meter = make_papi_meter(clock);
  if (!meter) {
    EXPECT_FALSE(meter.error().message.empty());
    EXPECT_FALSE(meter.error().fix.empty());
    return;
  }
  const auto first = values(**meter), second = values(**meter);
  ASSERT_FALSE(first.empty());
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_GE(second[i], first[i]);
}

}  // namespace
}  // namespace tier
