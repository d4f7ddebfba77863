// tier-record against a program whose every access is known (recorded_program.cpp), under user-mode
// emulation.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tools/tier-lab/command.h"
#include "tools/tier-record/convert.h"
#include "tools/tier-record/run.h"

namespace tier::record {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kRegions = 16, kRounds = 3;
constexpr double kLines = static_cast<double>(kRegions << lab::kRegionShift) / 64;

struct Kinds {
  double random_loads = 0, random_stores = 0, sequential_loads = 0, sequential_stores = 0;
};

Kinds kinds_of(const Process& process) {
  Kinds sum;
  for (const Period& period : process.periods)
    for (const RegionCounts& region : period.regions) {
      sum.random_loads += region.misses.random_loads;
      sum.random_stores += region.misses.random_stores;
      sum.sequential_loads += region.misses.sequential_loads;
      sum.sequential_stores += region.misses.sequential_stores;
    }
  return sum;
}

class RecordedProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    const Result<std::string> qemu = find_qemu();
    if (!qemu) {
      GTEST_SKIP() << qemu.error().text();
    }
    plan_.qemu = *qemu;
    plan_.plugin = TIER_RECORD_PLUGIN;
    plan_.program = TIER_RECORDED_PROGRAM;
    plan_.command = {plan_.program, std::to_string(kRegions), std::to_string(kRounds)};
    plan_.interval = 1'000'000;
    plan_.timeout_s = 100;
    fs::create_directories(folder_);
    plan_.prefix = (folder_ / "process").string();
  }
  ~RecordedProgram() override { fs::remove_all(folder_); }

  std::vector<Process> record() {
    const Result<void> ran = run_program(plan_, [](double, std::size_t) {});
    EXPECT_TRUE(ran) << ran.error().text();
    Result<std::vector<Process>> processes = read_recording(plan_.prefix);
    EXPECT_TRUE(processes) << processes.error().text();
    return processes ? *processes : std::vector<Process>{};
  }

  RunPlan plan_;

 private:
  fs::path folder_ = fs::temp_directory_path() / ("record-native-" + std::to_string(getpid()));
};

TEST_F(RecordedProgram, EveryMissIsCountedOnceInItsKind) {
  const std::vector<Process> processes = record();
  ASSERT_EQ(processes.size(), 2U) << "the program and its child";
  const Kinds parent = kinds_of(processes[0]);
  // All of it once, half of it twice; all but two lines of each page are predicted. What is left in the cache
  // of the lines read before is the tolerance, and a few kilobytes of code and stack.
  EXPECT_NEAR(parent.sequential_stores, 2 * kLines * 62 / 64, 0.01 * kLines);
  EXPECT_NEAR(parent.random_stores, 2 * kLines * 2 / 64, 0.02 * kLines);
  // 1 MiB of the 32 is in the cache: 31 of 32 random reads miss.
  EXPECT_NEAR(parent.random_loads, static_cast<double>(kRounds) * kLines * 31 / 32,
              0.005 * static_cast<double>(kRounds) * kLines);
  EXPECT_LT(parent.sequential_loads, 0.001 * parent.random_loads) << "chance alone";
  // The child writes half of the data twice, past what the cache holds.
  const Kinds child = kinds_of(processes[1]);
  EXPECT_NEAR(child.sequential_stores + child.random_stores, kLines, 0.02 * kLines);
  EXPECT_EQ(processes[1].parent, processes[0].pid);
  EXPECT_GT(processes[1].born, 0U);
}

TEST_F(RecordedProgram, PeriodsHoldTheirInstructions) {
  const std::vector<Process> processes = record();
  ASSERT_FALSE(processes.empty());
  const Process& process = processes[0];
  EXPECT_TRUE(process.ended);
  double instructions = 0;
  for (const Period& period : process.periods) {
    instructions += static_cast<double>(period.instructions);
    EXPECT_EQ(period.longest, period.instructions) << "one thread";
  }
  for (std::size_t i = 0; i + 1 < process.periods.size(); ++i)
    EXPECT_NEAR(static_cast<double>(process.periods[i].instructions), 1e6, 1000)
        << "to within a translated block or two";
  // A write takes 3 to 5 instructions, a random read 11 to 20, as the compiler has it.
  EXPECT_GT(instructions, kLines * (2 * 3 + 11 * static_cast<double>(kRounds)));
  EXPECT_LT(instructions, kLines * (2 * 5 + 20 * static_cast<double>(kRounds)) + 1e6);
}

TEST_F(RecordedProgram, MakesATraceThatEndsWithHalfOfItsMemory) {
  const Trace trace = trace_of(record(), "recorded", Reference{});
  const sim::WorkloadInfo& info = trace.header.workload;
  EXPECT_GE(info.regions, kRegions + kRegions / 2) << "the parent's, and the half that the child writes";
  EXPECT_LE(info.regions, kRegions + kRegions / 2 + 20) << "and few for code, heap and stack";
  EXPECT_GT(info.streams[0].parallelism, 2) << "random reads follow each other closely";
  std::uint32_t released = 0;
  for (const sim::Interval& interval : trace.intervals)
    for (const sim::RegionEvent& event : interval.events)
      if (event.change == sim::RegionChange::kRelease) released += event.count;
  EXPECT_GE(released, kRegions / 2);
  EXPECT_LE(released, kRegions / 2 + 3);
}

TEST_F(RecordedProgram, TheSameSeedGivesTheSameCounts) {
  const std::vector<Process> first = record();
  for (const Process& process : first) fs::remove(plan_.prefix + "." + std::to_string(process.pid));
  const std::vector<Process> second = record();
  ASSERT_EQ(first.size(), second.size());
  const Kinds a = kinds_of(first[0]), b = kinds_of(second[0]);
  EXPECT_NEAR(a.random_loads, b.random_loads, 50) << "the kernel puts a few pages elsewhere";
  EXPECT_NEAR(a.sequential_stores, b.sequential_stores, 50);
}

TEST_F(RecordedProgram, EndsAfterTheIntervalsAskedFor) {
  plan_.most_periods = 5;
  const std::vector<Process> processes = record();
  ASSERT_EQ(processes.size(), 1U) << "it had not forked yet";
  EXPECT_EQ(processes[0].periods.size(), 5U);
  EXPECT_TRUE(processes[0].ended);
}

TEST_F(RecordedProgram, AProgramThatFailsIsAnError) {
  plan_.command = {plan_.program};
  const Result<void> ran = run_program(plan_, [](double, std::size_t) {});
  ASSERT_FALSE(ran);
  EXPECT_NE(ran.error().message.find("exit code 2"), std::string::npos);
}

}  // namespace
}  // namespace tier::record
