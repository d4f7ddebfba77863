#include "platform/linux/mapping_files.h"

#include <gtest/gtest.h>

#include <set>

#include "platform/fake/tree.h"

namespace tier {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TreeDirectory process(std::uint64_t resident_kb, int start_time = 77, int locked_kb = 0) {
  const std::string stat =
      "41 (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " + std::to_string(start_time) + " 0 0\n";
  return {{"stat", stat},
          {"status", "VmSize:\t 100 kB\nVmLck:\t " + std::to_string(locked_kb) +
                         " kB\nVmPin:\t 0 kB\nVmRSS:\t" + std::to_string(resident_kb) +
                         " kB\nVmData:\t 50 kB\nVmStk:\t 8 kB\nVmExe:\t 4 kB\nVmLib:\t 4 kB\nVmPTE:\t " +
                         std::to_string(resident_kb / 512) + " kB\n"},
          {"maps", "10000000-10200000 rw-p 00000000 00:00 0 \n20000000-20200000 rw-p 00000000 00:00 0 \n"},
          {"numa_maps", "10000000 bind:0 anon=1\n20000000 default anon=1\n"},
          {"smaps",
           "10000000-10200000 rw-p 00000000 00:00 0\nVmFlags: rd\n20000000-20200000 rw-p 00000000 00:00 "
           "0\nVmFlags: rd lo\n"}};
}

// Each look at the time takes what a walk takes, as the test says.
struct Time {
  Nanoseconds now{}, step{};
  Nanoseconds operator()() { return now += step; }
};

TEST(EstimatedWalk, CountsPagesButNoMoreThanPageTablesHold) {
  EXPECT_EQ(estimated_walk(4_GiB, 16_MiB, Nanoseconds(100)), Nanoseconds(100) * (1 << 20));
  // Huge pages: a gigabyte with few page tables.
  EXPECT_EQ(estimated_walk(1_GiB, Bytes{64 << 10}, Nanoseconds(100)), Nanoseconds(100) * (8 << 10));
  EXPECT_EQ(estimated_walk(Bytes{}, Bytes{}, Nanoseconds(100)), Nanoseconds(0));
}

TEST(MappingFiles, AWalkThatWouldTakeTooLongIsLeftOutAndThePagesStay) {
  // 64 GiB of small pages; the files are not even opened, or the test would see their contents.
  const TemporaryTree tree(
      {{"proc", TreeDirectory{{"41", process(64 << 20, 77, 4)}, {"42", process(1 << 10)}}}});
  const MappingFiles files(tree.root());
  const auto huge = files.read(Pid{41}, 77), small = files.read(Pid{42}, 77);
  ASSERT_TRUE(huge && small);
  for (const Mapping& mapping : *huge) EXPECT_TRUE(mapping.own_policy && mapping.mlocked);
  EXPECT_TRUE((*small)[0].own_policy);
  EXPECT_FALSE((*small)[1].own_policy);
  EXPECT_FALSE((*small)[0].mlocked || (*small)[1].mlocked);
  EXPECT_EQ(files.account().left_out, 1U);
  EXPECT_FALSE(files.account().left_out_reason.empty());
  EXPECT_NE(files.version(Pid{41}), 0U);  // nothing will change by reading again
}

TEST(MappingFiles, TheVersionChangesWithEachFieldAndWithWhichFieldItIs) {
  const char* const names[] = {"VmSize", "VmLck", "VmPin", "VmData", "VmStk", "VmExe", "VmLib", "VmPTE"};
  TreeDirectory processes;
  for (int pid = 0; pid <= 8; ++pid) {  // 8: nothing of it is changed
    std::string status;
    for (int i = 0; i < 8; ++i)
      status += std::string(names[i]) + ":\t " + (i == pid ? "104" : "100") + " kB\n";
    processes.push_back({std::to_string(pid + 41), TreeDirectory{{"status", status}}});
  }
  const TemporaryTree tree({{"proc", processes}});
  const MappingFiles files(tree.root());
  std::set<std::uint64_t> versions;
  for (int pid = 41; pid <= 49; ++pid) versions.insert(files.version(Pid{pid}));
  EXPECT_EQ(versions.size(), 9U);
  EXPECT_FALSE(versions.contains(0));
  EXPECT_EQ(MappingFiles(tree.root()).version(Pid{45}), files.version(Pid{45}));
}

TEST(MappingFiles, WalksOfAllProcessesShareOneBudgetAndEachGetsItsTurn) {
  TreeDirectory processes;
  for (int pid = 41; pid < 51; ++pid) processes.push_back({std::to_string(pid), process(1 << 10)});
  const TemporaryTree tree({{"proc", processes}});
  Time time;
  time.step = milliseconds(5);  // two looks: a walk takes 5 ms
  WalkSettings settings;
  const MappingFiles files(tree.root(), {}, settings, std::ref(time));
  int rounds = 0, waiting = 10;
  Nanoseconds walked{};
  for (; waiting > 0 && rounds < 1000; ++rounds) {
    time.now += seconds(1);
    waiting = 0;
    for (int pid = 41; pid < 51; ++pid) {
      if (rounds > 0 && files.version(Pid{pid}) != 0) continue;
      const auto mappings = files.read(Pid{pid}, 77);
      ASSERT_TRUE(mappings);
      const bool known = !(*mappings)[1].own_policy;
      walked += known ? milliseconds(5) : milliseconds(0);
      waiting += known ? 0 : 1;
    }
  }
  EXPECT_EQ(waiting, 0);
  EXPECT_GT(rounds, 3);  // spread: the budget is 20 ms at first and 2.5 ms a second
  EXPECT_EQ(walked, milliseconds(50));
}

TEST(MappingFiles, ANumberThatWasReusedIsNotTheProcess) {
  const TemporaryTree tree({{"proc", TreeDirectory{{"41", process(100)}}}});
  const MappingFiles files(tree.root());
  EXPECT_TRUE(files.read(Pid{41}, 77));
  EXPECT_FALSE(files.read(Pid{41}, 78).has_value());
}

}  // namespace
}  // namespace tier
