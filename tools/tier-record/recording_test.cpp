#include "tools/tier-record/recording.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace tier::record {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProcess =
    R"({"record":"process","pid":7,"parent":0,"born":0,"interval":1000,"llc":65536,"ways":16})";
constexpr const char* kPeriod =
    R"({"record":"period","index":0,"instructions":1001,"longest":900,"windows":3,"window_loads":8,)"
    R"("regions":[[512,1,2,3,4],[513,5,0,0,0]],"mappings":[[1,4096,8192],[0,4096,4096]]})";

std::string forked(int pid, int born) {
  return R"({"record":"process","pid":)" + std::to_string(pid) + R"(,"parent":7,"born":)" +
         std::to_string(born) + R"(,"interval":1000,"llc":65536,"ways":16})";
}

class Recording : public ::testing::Test {
 protected:
  Recording() { fs::create_directories(folder_); }
  ~Recording() override { fs::remove_all(folder_); }
  void write(int pid, const std::string& text) {
    std::ofstream(folder_ / ("process." + std::to_string(pid))) << text;
  }
  Result<std::vector<Process>> read() { return read_recording((folder_ / "process").string()); }

 private:
  fs::path folder_ = fs::temp_directory_path() / ("tier-recording-" + std::to_string(getpid()));
};

TEST(RecordedLine, FillsTheProcess) {
  Process process;
  for (const char* line : {kProcess, kPeriod, R"({"record":"exit"})"})
    ASSERT_TRUE(accept_line(line, process));
  EXPECT_EQ(process.pid, 7);
  EXPECT_EQ(process.interval, 1000U);
  EXPECT_TRUE(process.ended);
  ASSERT_EQ(process.periods.size(), 1U);
  const Period& period = process.periods[0];
  EXPECT_EQ(period.instructions, 1001U);
  EXPECT_EQ(period.longest, 900U);
  EXPECT_EQ(period.window_loads, 8U);
  ASSERT_EQ(period.regions.size(), 2U);
  EXPECT_EQ(period.regions[0].misses.random_stores, 2U);
  EXPECT_EQ(period.regions[0].misses.sequential_loads, 3U);
  ASSERT_EQ(period.mappings.size(), 2U);
  EXPECT_EQ(period.mappings[0].range, (AddressRange{4096, 12288}));
  EXPECT_FALSE(period.mappings[1].mapped);
}

TEST(RecordedLine, WhatIsNotUnderstoodIsAnErrorThatQuotesIt) {
  for (const std::string line : {"", "[]", R"({"record":"else"})", R"({"record":"period","index":3})",
                                 R"({"record":"process","pid":1})"}) {
    Process process;
    const Result<void> taken = accept_line(line, process);
    ASSERT_FALSE(taken) << line;
    EXPECT_NE(taken.error().message.find(line), std::string::npos);
  }
  Process process;
  ASSERT_TRUE(accept_line(kPeriod, process));
  EXPECT_FALSE(accept_line(kPeriod, process).has_value()) << "the same index again";
}

TEST_F(Recording, TheProgramComesFirstThenChildrenByBirth) {
  write(3, forked(3, 9) + "\n" + kPeriod + "\n");
  write(7, std::string(kProcess) + "\n" + kPeriod + "\n");
  write(9, forked(9, 2) + "\n" + kPeriod + "\n");
  const auto processes = read();
  ASSERT_TRUE(processes) << processes.error().text();
  ASSERT_EQ(processes->size(), 3U);
  EXPECT_EQ((*processes)[0].pid, 7);
  EXPECT_EQ((*processes)[1].pid, 9);
  EXPECT_EQ((*processes)[2].pid, 3);
}

TEST_F(Recording, HalfALineAndEmptyChildrenDoNotCount) {
  write(7, std::string(kProcess) + "\n" + kPeriod + "\n" + R"({"record":"per)");
  write(8, forked(8, 0) + "\n");
  const auto processes = read();
  ASSERT_TRUE(processes) << processes.error().text();
  ASSERT_EQ(processes->size(), 1U);
  EXPECT_EQ((*processes)[0].periods.size(), 1U);
  EXPECT_FALSE((*processes)[0].ended);
}

TEST_F(Recording, NothingTwoProgramsOrABrokenLineAreErrors) {
  EXPECT_FALSE(read().has_value());
  write(7, std::string(kProcess) + "\nbroken\n");
  EXPECT_FALSE(read().has_value());
  write(7, std::string(kProcess) + "\n");
  EXPECT_TRUE(read());
  write(8, std::string(kProcess) + "\n");
  EXPECT_FALSE(read().has_value());
}

}  // namespace
}  // namespace tier::record
