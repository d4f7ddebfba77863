// DAMON for real. It takes over the machine's one DAMON, so it runs only where that is allowed: in a guest of
// the lab (TIER_DAMON_ALLOWED=1). Checks that hot spans get more than cold ones and that DAMON is given back.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>

#include "platform/linux/process_table.h"
#include "platform/linux/sampling/damon_source.h"
#include "tests/native/native_support.h"
#include "tests/native/watched_program.h"

namespace tier {
namespace {

int kdamonds() {
  std::ifstream file(std::string(kDamonAdmin) + "/kdamonds/nr_kdamonds");
  int count = -1;
  file >> count;
  return count;
}

// 20,000 reads a second: the two hot spans get 9,000 each, the others 60. Accessed bits of huge pages would
// saturate at more.
[[noreturn]] void read_now_and_then(const SharedArray& array) {
  std::uint64_t state = 88172645463325252U, sum = 0;
  for (std::size_t word = 0; word < array.words(); word += 512) array.data()[word] = 0;
  for (;;) {
    for (int i = 0; i < 20; ++i) {
      const std::uint64_t random = next_random(state);
      const std::size_t span = random % 10 != 0 ? array.words() / 16 : array.words();
      sum += array.data()[(random >> 8U) % span];
      asm volatile("" : "+r"(sum));
    }
    usleep(1000);
  }
}

TEST(DamonGuest, HotSpansShow) {
  if (std::getenv("TIER_DAMON_ALLOWED") == nullptr)
    GTEST_SKIP() << "only in a guest, with TIER_DAMON_ALLOWED=1";
  const SteadyClock clock;
  SamplingSettings settings;
  settings.cpu_budget = 0.03;
  DamonSource source(settings, clock);
  const Result<void> started = source.start();
  ASSERT_TRUE(started) << started.error().text();
  EXPECT_EQ(kdamonds(), 1);
  const SharedArray array(64U << 20U);
  const WatchedProgram program([&] { read_now_and_then(array); });
  const Target target = target_of(program.pid(), 5);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const Result<std::vector<Mapping>> mappings = LinuxProcessTable().mappings(target.pid);
  ASSERT_TRUE(mappings) << mappings.error().text();
  ASSERT_TRUE(source.set_targets({&target, 1}));
  ASSERT_TRUE(source.set_ranges(target.id, *mappings));
  const SampleBatch batch = gather(source, 200);
  expect_balanced(batch.counters);
  std::printf("%s\n%.4f of a CPU, %zu samples, %lu lost\n", source.status().fidelity.c_str(),
              source.status().cpu_share, batch.samples.size(), batch.counters.lost);
  double hot = 0, cold = 0;
  std::map<Address, double> spans;
  const Address hot_end = array.range().start + array.range().size().value / 16;
  for (const AccessSample& sample : batch.samples) {
    EXPECT_EQ(sample.target, TargetId{5});
    if (!array.range().contains(sample.address)) continue;
    spans[sample.address] += sample.weight;
    (sample.address < hot_end ? hot : cold) += sample.weight;
  }
  std::printf("%zu spans of the array, hot 1/16 has %.1f %% of the accesses\n", spans.size(),
              100 * hot / (hot + cold));
  EXPECT_GE(spans.size(), 20U);
  EXPECT_GT(hot / 2, cold / 30 * 3);  // a hot span at least three times a cold one
  source.stop();
  EXPECT_EQ(kdamonds(), 0);
}

// Every page of the array's first eighth, all the time.
[[noreturn]] void stay_in_a_corner(const SharedArray& array) {
  for (std::size_t word = 0; word < array.words(); word += 512) array.data()[word] = 0;
  for (std::uint64_t turn = 0;; ++turn) {
    for (std::size_t word = 0; word < array.words() / 8; word += 512) array.data()[word] = turn;
    usleep(1000);
  }
}

TEST(DamonGuest, MemoryThatNobodyTouchesShows) {
  if (std::getenv("TIER_DAMON_ALLOWED") == nullptr)
    GTEST_SKIP() << "only in a guest, with TIER_DAMON_ALLOWED=1";
  const SteadyClock clock;
  DamonSource source({}, clock, DamonUse::kTouched);
  const Result<void> started = source.start();
  ASSERT_TRUE(started) << started.error().text();
  EXPECT_FALSE(source.longest_silence()) << "no source of samples";
  const SharedArray array(64U << 20U);
  const WatchedProgram program([&] { stay_in_a_corner(array); });
  const Target target = target_of(program.pid(), 5);
  std::this_thread::sleep_for(std::chrono::seconds(3));  // all of it was touched once
  const Result<std::vector<Mapping>> mappings = LinuxProcessTable().mappings(target.pid);
  ASSERT_TRUE(mappings) << mappings.error().text();
  ASSERT_TRUE(source.set_targets({&target, 1}));
  ASSERT_TRUE(source.set_ranges(target.id, *mappings));
  std::map<Address, bool> last;  // of spans of the array
  for (int second = 0; second < 60 && last.size() < 30; ++second) {
    const SampleBatch batch = gather(source, 30);
    EXPECT_TRUE(batch.samples.empty());
    expect_balanced(batch.counters);
    for (const BitsLook& look : batch.looks) {
      EXPECT_EQ(look.target, TargetId{5});
      if (array.range().contains(look.range.start)) last[look.range.start] = look.touched;
    }
  }
  std::printf("%s\n%.4f of a CPU, %zu spans\n", source.status().fidelity.c_str(), source.status().cpu_share,
              last.size());
  ASSERT_GE(last.size(), 30U);
  const Address used_end = array.range().start + array.range().size().value / 8;
  std::size_t right = 0;
  for (const auto& [start, touched] : last) right += touched == (start < used_end) ? 1 : 0;
  EXPECT_GE(right + 2, last.size()) << "spans need not begin where regions do";
  source.stop();
  EXPECT_EQ(kdamonds(), 0);
}

bool kdamond_runs() {
  std::ifstream file(std::string(kDamonAdmin) + "/kdamonds/0/state");
  std::string state;
  file >> state;
  return state == "on";
}

// Starts DAMON on the array's program and is killed while its kdamond runs.
void leave_damon_behind(const Target& target, const std::vector<Mapping>& mappings) {
  const pid_t pid = fork();
  if (pid == 0) {
    const SteadyClock clock;
    DamonSource source({}, clock);
    const Result<void> started = [&]() -> Result<void> {
      TIER_TRY(source.start());
      TIER_TRY(source.set_targets({&target, 1}));
      return source.set_ranges(target.id, mappings);
    }();
    if (!started) std::fprintf(stderr, "%s\n", started.error().text().c_str()), _exit(1);
    pause();
  }
  for (int turn = 0; turn < 3000 && !kdamond_runs(); ++turn) usleep(10000);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
}

TEST(DamonGuest, WhatAKilledDaemonLeftIsTakenOver) {
  if (std::getenv("TIER_DAMON_ALLOWED") == nullptr)
    GTEST_SKIP() << "only in a guest, with TIER_DAMON_ALLOWED=1";
  const SharedArray array(16U << 20U);
  const WatchedProgram program([&] { read_now_and_then(array); });
  const Target target = target_of(program.pid(), 5);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const Result<std::vector<Mapping>> mappings = LinuxProcessTable().mappings(target.pid);
  ASSERT_TRUE(mappings) << mappings.error().text();
  leave_damon_behind(target, *mappings);
  ASSERT_EQ(kdamonds(), 1) << "the kernel keeps what a killed process made";
  const SteadyClock clock;
  DamonSource source({}, clock);
  const Result<void> started = source.start();
  ASSERT_TRUE(started) << started.error().text();
  ASSERT_TRUE(source.set_targets({&target, 1}));
  ASSERT_TRUE(source.set_ranges(target.id, *mappings));
  std::size_t samples = 0;
  for (int second = 0; second < 60 && samples == 0; ++second) samples += gather(source, 10).samples.size();
  EXPECT_GT(samples, 0U);
  source.stop();
  EXPECT_EQ(kdamonds(), 0);
}

}  // namespace
}  // namespace tier
