// Hardware, fault and DAMON sources and their bad weather on this machine's own kernel. Needs root.
#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "platform/linux/machine.h"
#include "platform/linux/sampling/damon_source.h"
#include "platform/linux/sampling/fault_source.h"
#include "platform/linux/sampling/feature_probe.h"
#include "platform/linux/sampling/hardware_source.h"
#include "platform/linux/sampling/source_choice.h"
#include "platform/linux/sampling/stall_source.h"
#include "tests/native/native_support.h"
#include "tests/native/watched_program.h"

namespace tier {
namespace {

// Writes one word of every page of the array, again and again after giving the pages back.
[[noreturn]] void touch_for_ever(const SharedArray& array, unsigned pause_us) {
  for (;;) {
    for (std::size_t word = 0; word < array.words(); word += 512) array.data()[word] = word;
    madvise(array.data(), array.words() * sizeof(std::uint64_t), MADV_DONTNEED);
    if (pause_us != 0) usleep(pause_us);
  }
}

HardwareEvent page_faults() {
  HardwareEvent event;
  event.name = "software page faults";
  HardwareEncoding encoding;
  encoding.type = PERF_TYPE_SOFTWARE;
  encoding.config = PERF_COUNT_SW_PAGE_FAULTS;
  event.encodings.push_back(encoding);
  return event;
}

double share_inside(const SampleBatch& batch, AddressRange range) {
  std::size_t inside = 0;
  for (const AccessSample& sample : batch.samples) inside += range.contains(sample.address) ? 1U : 0U;
  return static_cast<double>(inside) / static_cast<double>(std::max<std::size_t>(batch.samples.size(), 1));
}

TEST(HardwareNative, AddressesOfASoftwareEventArrive) {
  const SteadyClock clock;
  SamplingSettings settings;
  settings.hardware_period = 1;
  for (const bool latency : {false, true}) {
    HardwareEvent event = page_faults();
    event.has_latency =
        latency;  // the program that reads the kernel's own context; page faults have no latency
    HardwareSource source(settings, event, clock);
    const Result<void> started = source.start();
    ASSERT_TRUE(started) << started.error().text();
    const SharedArray array(8U << 20U);
    const WatchedProgram program([&] { touch_for_ever(array, 10000); });
    const Target target = target_of(program.pid(), 3);
    ASSERT_TRUE(source.set_targets({&target, 1}));
    const SampleBatch batch = gather(source, 5);
    expect_balanced(batch.counters);
    ASSERT_GT(batch.samples.size(), 100U);
    EXPECT_GT(share_inside(batch, array.range()), 0.95);
    EXPECT_EQ(batch.samples.front().source, SourceKind::kHardware);
    EXPECT_EQ(batch.samples.front().meaning, latency ? WeightMeaning::kStall : WeightMeaning::kAccesses);
  }
}

TEST(FaultNative, FirstTouchesArrive) {
  const SteadyClock clock;
  FaultSource source({}, clock);
  const Result<void> started = source.start();
  ASSERT_TRUE(started) << started.error().text();
  const SharedArray array(8U << 20U);
  const WatchedProgram program([&] { touch_for_ever(array, 10000); });
  const Target target = target_of(program.pid(), 3);
  ASSERT_TRUE(source.set_targets({&target, 1}));
  const SampleBatch batch = gather(source, 5);
  expect_balanced(batch.counters);
  ASSERT_GT(batch.samples.size(), 100U);
  EXPECT_GT(share_inside(batch, array.range()), 0.95);
  EXPECT_EQ(batch.samples.back().type, AccessType::kStore);
}

// Of this process, not of any file.
double own_mib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  double kib = 0;
  while (status >> word)
    if (word == "RssAnon:") status >> kib;
  return kib / 1024;
}

TEST(OwnMemory, WhatIsFreedIsGivenBack) {
  std::vector<std::vector<char>> blocks(8192);
  for (auto& block : blocks) block.assign(1024, 'x');
  const std::vector<char> later(1024, 'x');  // behind them: they are not given back by themselves
  blocks.clear();
  const double before = own_mib();
  give_back_freed_memory();
  EXPECT_LT(own_mib(), before - 6);
}

TEST(BadWeather, FullRingIsCountedAndShown) {
  const SteadyClock clock;
  SamplingSettings settings;
  settings.ring_bytes = 4096;
  FaultSource source(settings, clock);
  ASSERT_TRUE(source.start());
  const SharedArray array(8U << 20U);
  const WatchedProgram program([&] { touch_for_ever(array, 0); });
  const Target target = target_of(program.pid(), 3);
  ASSERT_TRUE(source.set_targets({&target, 1}));
  const SampleBatch batch = gather(source, 5);
  expect_balanced(batch.counters);
  EXPECT_GT(batch.counters.lost, 0U);
  EXPECT_GT(batch.counters.delivered, 0U);
  EXPECT_EQ(source.status().totals.lost, batch.counters.lost);
}

TEST(BadWeather, AReusedPidIsForeign) {
  const SteadyClock clock;
  FaultSource source({}, clock);
  ASSERT_TRUE(source.start());
  const SharedArray array(8U << 20U);
  const WatchedProgram program([&] { touch_for_ever(array, 10000); });
  Target target = target_of(program.pid(), 3);
  target.start_time -= 1;  // the process that had this number before
  ASSERT_TRUE(source.set_targets({&target, 1}));
  const SampleBatch batch = gather(source, 3);
  expect_balanced(batch.counters);
  EXPECT_EQ(batch.samples.size(), 0U);
  EXPECT_GT(batch.counters.foreign, 0U);
}

TEST(BadWeather, SamplesLeftByAFormerTargetAreForeign) {
  const SteadyClock clock;
  FaultSource source({}, clock);
  ASSERT_TRUE(source.start());
  const SharedArray array(8U << 20U);
  WatchedProgram program([&] { touch_for_ever(array, 10000); });
  const Target target = target_of(program.pid(), 3);
  ASSERT_TRUE(source.set_targets({&target, 1}));
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  program.end();                        // exits with samples in the ring
  ASSERT_TRUE(source.set_targets({}));  // the daemon noticed before it collected
  const Result<SampleBatch> batch = source.collect();
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->samples.size(), 0U);
  EXPECT_GT(batch->counters.foreign, 0U);
}

TEST(BadWeather, NoBtfNamesTheFix) {
  const SteadyClock clock;
  StallOptions options;
  options.btf_path = "/nonexistent/btf";
  StallSource source(options, clock);
  const Result<void> started = source.start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().kind, ErrorKind::kUnsupported);
  EXPECT_NE(started.error().fix.find("CONFIG_DEBUG_INFO_BTF"), std::string::npos);
  EXPECT_FALSE(source.collect().has_value());
}

// A child that has given up root: everything BPF must be refused with the capabilities named.
TEST(BadWeather, NoPermissionNamesTheCapabilities) {
  const pid_t pid = fork();
  ASSERT_GE(pid, 0);
  if (pid == 0) {
    if (setgid(65534) != 0 || setuid(65534) != 0) _exit(10);
    const SteadyClock clock;
    StallSource stall({}, clock);
    const Result<void> started = stall.start();
    if (started || started.error().kind != ErrorKind::kPermission) _exit(11);
    if (started.error().fix.find("CAP_BPF") == std::string::npos) _exit(12);
    LinuxFeatureProbe probe;
    const std::vector<FeatureState> features = probe.probe();
    if (features[static_cast<std::size_t>(Feature::kBpfTracing)].present) _exit(13);
    const SourceSet set = make_sources(features, {}, clock);
    if (!set.sources.empty()) _exit(14);
    for (const SourceDecision& decision : set.decisions)
      if (decision.chosen || decision.reason.empty()) _exit(15);
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

// Never writes to DAMON where another has it; this machine may have one such.
TEST(BadWeather, SomebodyElsesDamonIsLeftAlone) {
  std::ifstream file(std::string(kDamonAdmin) + "/kdamonds/nr_kdamonds");
  int kdamonds = 0;
  if (!(file >> kdamonds) || kdamonds == 0)
    GTEST_SKIP() << "nobody runs DAMON here; the unit tests cover the refusal";
  const SteadyClock clock;
  DamonSource source({}, clock);
  const Result<void> started = source.start();
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("somebody else runs DAMON"), std::string::npos);
  std::ifstream again(std::string(kDamonAdmin) + "/kdamonds/nr_kdamonds");
  int left = 0;
  again >> left;
  EXPECT_EQ(left, kdamonds);
}

TEST(Ladder, ThisMachineGetsASource) {
  const SteadyClock clock;
  LinuxFeatureProbe probe;
  const std::vector<FeatureState> features = probe.probe();
  for (const FeatureState& state : features)
    std::printf("%-45s %s%s\n", state.name.c_str(), state.present ? "yes" : "no: ", state.reason.c_str());
  // DAMON has one owner, and a machine that runs tests may not be ours to take it on.
  SamplingSettings settings;
  settings.allow_damon = std::getenv("TIER_DAMON_ALLOWED") != nullptr;
  const SourceSet set = make_sources(features, settings, clock);
  for (const SourceDecision& decision : set.decisions)
    std::printf("%-10s %-6s %s\n", decision.name.c_str(), decision.chosen ? "runs" : "no",
                decision.reason.c_str());
  EXPECT_FALSE(set.sources.empty());
}

}  // namespace
}  // namespace tier
