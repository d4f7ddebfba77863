// Sampling with the rights and in the places that a daemon really has: the unit's four capabilities, a kernel
// that refuses perf events, a container, a machine that gives the calibration loop no sample. Needs root.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <new>

#include "platform/linux/sampling/fault_source.h"
#include "platform/linux/sampling/feature_probe.h"
#include "platform/linux/sampling/source_choice.h"
#include "platform/linux/sampling/stall_source.h"
#include "tests/native/confined.h"
#include "tests/native/native_support.h"
#include "tests/native/watched_program.h"

namespace tier {
namespace {

// Exit codes of the children.
constexpr int kSampled = 0, kNotConfined = 10, kNotStarted = 11, kNoSamples = 12, kWrongSamples = 13,
              kWrongStatus = 14;

constexpr std::initializer_list<unsigned> kUnitCapabilities = {CAP_BPF, CAP_PERFMON, CAP_SYS_PTRACE,
                                                               CAP_SYS_NICE};

// Waits for at least `wanted` samples of the program, as long as a loaded machine may need.
SampleBatch wait_for_samples(AccessSource& source, std::size_t wanted) {
  SampleBatch all;
  for (int turn = 0; turn < 300 && all.samples.size() < wanted; ++turn) {
    const SampleBatch more = gather(source, 2);
    all.samples.insert(all.samples.end(), more.samples.begin(), more.samples.end());
    all.counters += more.counters;
  }
  return all;
}

int sample_of(AccessSource& source, pid_t pid, AddressRange range) {
  const Target target = target_of(pid, 7);
  if (!source.set_targets({&target, 1}).has_value()) return kNotStarted;
  const SampleBatch batch = wait_for_samples(source, 100);
  std::printf("%zu samples, %lu foreign: %s\n", batch.samples.size(), batch.counters.foreign,
              source.status().fidelity.c_str());
  std::fflush(stdout);
  if (batch.samples.size() < 100) return kNoSamples;
  std::size_t inside = 0;
  for (const AccessSample& sample : batch.samples) inside += range.contains(sample.address) ? 1U : 0U;
  return inside * 10 >= batch.samples.size() * 9 ? kSampled : kWrongSamples;
}

bool started(AccessSource& source) {
  const Result<void> result = source.start();
  if (!result) std::printf("did not start: %s\n", result.error().text().c_str());
  std::fflush(stdout);
  return result.has_value();
}

// Samples a program that reads an array at random.
int sample_a_reader(AccessSource& source) {
  if (!started(source)) return kNotStarted;
  const SharedArray array(64U << 20U);
  const WatchedProgram program([&] { read_at_random(array); });
  return sample_of(source, program.pid(), array.range());
}

int sample_stalls() {
  const SteadyClock clock;
  StallSource source({}, clock);
  return sample_a_reader(source);
}

TEST(Confined, TheUnitsCapabilitiesAreEnough) {
  EXPECT_EQ(
      exit_code_of([] { return keep_capabilities(kUnitCapabilities) ? sample_stalls() : kNotConfined; }),
      kSampled);
}

TEST(Confined, NoPerfEventIsNeeded) {
  EXPECT_EQ(exit_code_of([] {
              if (!keep_capabilities(kUnitCapabilities) || !refuse_perf_events()) return kNotConfined;
              const SteadyClock clock;
              const std::vector<FeatureState> features = LinuxFeatureProbe().probe();
              if (features[static_cast<std::size_t>(Feature::kPerfCpuClock)].present) return kNotConfined;
              SamplingSettings settings;
              settings.allow_damon = false;  // it has one owner, which must not become this test
              SourceSet set = make_sources(features, settings, clock);
              if (set.sources.empty() || set.sources[0]->status().name != "stall-tick") return kWrongStatus;
              return sample_stalls();
            }),
            kSampled);
}

// More is asked for than the tick gives: the clock event is wanted, refused, and told of; and nothing else
// changes.
TEST(Confined, ARefusedClockEventIsToldAndHarmsNothing) {
  EXPECT_EQ(exit_code_of([] {
              if (!refuse_perf_events()) return kNotConfined;
              const SteadyClock clock;
              StallOptions options;
              options.settings.target_samples_per_second = 100000;
              // In a guest a sample costs about what the usual budget allows, and then no clock is asked for.
              options.settings.cpu_budget = SamplingSettings::kCpuBudgetLimit;
              StallSource source(options, clock);
              if (!started(source)) return kNotStarted;
              source.set_stake(10);
              const SharedArray array(64U << 20U);
              // It runs until the end: where nothing is sampled any more, no clock is asked for either.
              const WatchedProgram program([&] { read_at_random(array); });
              if (const int code = sample_of(source, program.pid(), array.range()); code != kSampled)
                return code;
              for (int turn = 0; turn < 300; ++turn) {
                gather(source, 2);
                if (source.status().fidelity.find("clock event not available") != std::string::npos)
                  return kSampled;
              }
              std::printf("at last: %s\n", source.status().fidelity.c_str());
              std::fflush(stdout);
              return kWrongStatus;
            }),
            kSampled);
}

// Where no program rides the tick the event is needed, and its refusal is the source's.
TEST(Confined, WithoutTickAndClockTheReasonIsNamed) {
  EXPECT_EQ(exit_code_of([] {
              if (!refuse_perf_events()) return kNotConfined;
              const SteadyClock clock;
              StallOptions options;
              options.ride_tick = false;
              StallSource source(options, clock);
              const Result<void> result = source.start();
              if (result) return kNotConfined;
              std::printf("%s\n", result.error().text().c_str());
              std::fflush(stdout);
              // To root, kernel.perf_event_paranoid is no reason; a filter is.
              const bool named = result.error().message.find("system call filter") != std::string::npos;
              return named && result.error().kind == ErrorKind::kPermission ? kSampled : kWrongStatus;
            }),
            kSampled);
}

// Where nothing waits, as in an emulator, all that is sampled is time in which the program computes.
TEST(Confined, WithoutCalibrationTheProgramsThemselvesSettleIt) {
  const SteadyClock clock;
  StallOptions options;
  options.prior = WeightMeaning::kStall;
  options.calibrate = false;
  StallSource source(options, clock);
  ASSERT_TRUE(started(source));
  const SharedArray array(64U << 20U);
  const WatchedProgram program([&] { read_at_random(array); });
  const Target target = target_of(program.pid(), 7);
  ASSERT_TRUE(source.set_targets(std::span(&target, 1)));
  SampleCounters counters;
  for (int turn = 0; turn < 600 && counters.taken < 200; ++turn) counters += gather(source, 2).counters;
  expect_balanced(counters);
  ASSERT_GE(counters.taken, 200U);
  EXPECT_GT(counters.delivered + counters.computing, counters.taken / 2);
  EXPECT_EQ(source.calibration().samples, 0U);
  EXPECT_EQ(source.calibration().meaning, WeightMeaning::kStall);
  // Where nothing waits, chance says which of the steps into and out of reading is sampled more.
  if (counters.delivered > counters.taken / 2) {
    EXPECT_TRUE(source.calibration().ip_is_behind);
  }
}

TEST(Confined, InsideAContainer) {
  const int code = exit_code_in_container(sample_stalls);
  if (code == kNoNamespace) GTEST_SKIP() << "no PID namespace may be made here";
  EXPECT_EQ(code, kSampled);
}

TEST(Confined, InsideAContainerWithClocksOfItsOwn) {
  const int code = exit_code_in_container(sample_stalls, true);
  if (code == kNoNamespace) GTEST_SKIP() << "no time namespace may be made here";
  EXPECT_EQ(code, kSampled);
}

TEST(Confined, FaultsInsideAContainer) {
  const int code = exit_code_in_container([] {
    const SteadyClock clock;
    FaultSource source({}, clock);
    if (!started(source)) return kNotStarted;
    const SharedArray array(8U << 20U);
    const WatchedProgram program([&] {
      madvise(array.data(), array.words() * sizeof(std::uint64_t), MADV_NOHUGEPAGE);  // a fault a page
      for (;;) {
        for (std::size_t word = 0; word < array.words(); word += 512) array.data()[word] = word;
        madvise(array.data(), array.words() * sizeof(std::uint64_t), MADV_DONTNEED);
        usleep(10000);
      }
    });
    return sample_of(source, program.pid(), array.range());
  });
  if (code == kNoNamespace) GTEST_SKIP() << "no PID namespace may be made here";
  EXPECT_EQ(code, kSampled);
}

// Watches a program that lives in a PID namespace below the daemon's, by the number that the daemon knows it
// by.
int sample_a_container() {
  const SharedArray array(64U << 20U);
  auto* inner = new (mmap(nullptr, sizeof(std::atomic<pid_t>), PROT_READ | PROT_WRITE,
                          MAP_SHARED | MAP_ANONYMOUS, -1, 0)) std::atomic<pid_t>(0);
  const WatchedProgram outer([&] {
    if (unshare(CLONE_NEWPID) != 0) {
      *inner = -1;
      _exit(1);
    }
    const pid_t pid = fork();
    if (pid == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      read_at_random(array);
    }
    *inner = pid;
    pause();
  });
  while (*inner == 0) usleep(1000);
  if (*inner < 0) return kNoNamespace;
  const SteadyClock clock;
  StallSource source({}, clock);
  if (!started(source)) return kNotStarted;
  return sample_of(source, *inner, array.range());
}

TEST(Confined, AContainerFromTheHost) {
  const int code = exit_code_of(sample_a_container);
  if (code == kNoNamespace) GTEST_SKIP() << "no PID namespace may be made here";
  EXPECT_EQ(code, kSampled);
}

TEST(Confined, AContainerFromWithinAContainer) {
  const int code = exit_code_in_container(sample_a_container);
  if (code == kNoNamespace) GTEST_SKIP() << "no PID namespace may be made here";
  EXPECT_EQ(code, kSampled);
}

}  // namespace
}  // namespace tier
