#include "platform/linux/sampling/calibration.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "platform/api/file_descriptor.h"

namespace tier {
namespace {

TEST(Calibration, TheEmulatorsNameMakesFrequencyLikely) {
  EXPECT_EQ(prior_of("TCGTCGTCGTCG"), WeightMeaning::kAccesses);
  for (const char* other : {"", "KVMKVMKVM\0\0\0", "Microsoft Hv", "VMwareVMware"})
    EXPECT_EQ(prior_of(other), WeightMeaning::kStall) << other;
}

SamplingSettings short_run() {
  SamplingSettings settings;
  settings.calibration_time = std::chrono::milliseconds(20);
  settings.calibration_buffer = 1_MiB;
  return settings;
}

void wait_for_end(CalibrationChild& child) {
  while (child.running()) usleep(2000);
}

TEST(Calibration, TheChildEndsByItselfAndToldWhatItDid) {
  auto child = CalibrationChild::start(short_run());
  ASSERT_TRUE(child) << child.error().text();
  EXPECT_GT((*child)->pid().value, 0);
  wait_for_end(**child);
  EXPECT_FALSE((*child)->running());
  EXPECT_GT((*child)->instruction_seconds(), 0);
  EXPECT_LT((*child)->instruction_seconds(), 1e-3);
  EXPECT_FALSE((*child)->in_buffer(0));
}

// The kernel's line on the mapping of that size, empty when there is none: the policy comes behind the
// address.
std::string policy_of(pid_t pid, Bytes size) {
  std::ifstream maps("/proc/" + std::to_string(pid) + "/maps");
  std::ifstream policies("/proc/" + std::to_string(pid) + "/numa_maps");
  std::string line, start;
  while (start.empty() && std::getline(maps, line)) {
    std::size_t end = 0;
    const std::uint64_t from = std::stoull(line, &end, 16),
                        to = std::stoull(line.substr(end + 1), nullptr, 16);
    if (to - from == size.value) start = line.substr(0, end);
  }
  while (!start.empty() && std::getline(policies, line))
    if (line.starts_with(start)) return line;
  return {};
}

TEST(Calibration, ItsMemoryComesFromTheNodeThatCanSpareItAndGoesWithTheChild) {
  if (!std::ifstream("/proc/self/numa_maps")) GTEST_SKIP() << "a kernel without NUMA";
  SamplingSettings settings;
  settings.calibration_time = std::chrono::hours(1);
  settings.calibration_buffer = Bytes{(32_MiB).value + 4096};  // no other mapping has that size
  settings.spare_node = NodeId{0};
  auto child = CalibrationChild::start(settings);
  ASSERT_TRUE(child);
  const pid_t pid = (*child)->pid().value;
  while ((*child)->instruction_seconds() == 0) usleep(2000);  // the memory is touched before the loop runs
  EXPECT_NE(policy_of(pid, settings.calibration_buffer).find("prefer"), std::string::npos);
  child->reset();
  EXPECT_TRUE(policy_of(pid, settings.calibration_buffer).empty());
}

TEST(Calibration, TheChildGoesWithItsOwner) {
  SamplingSettings settings;
  settings.calibration_time = std::chrono::hours(1);
  auto child = CalibrationChild::start(settings);
  ASSERT_TRUE(child);
  const pid_t pid = (*child)->pid().value;
  EXPECT_EQ(kill(pid, 0), 0);
  child->reset();
  EXPECT_NE(kill(pid, 0), 0);
}

// Else a lock or a connection of the parent would live as long as the child.
TEST(Calibration, TheChildHoldsNoneOfTheParentsFiles) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const FileDescriptor reader(ends[0]);
  FileDescriptor writer(ends[1]);
  SamplingSettings settings;
  settings.calibration_time = std::chrono::hours(1);
  auto child = CalibrationChild::start(settings);
  ASSERT_TRUE(child);
  writer.reset();
  char byte = 0;
  EXPECT_EQ(read(reader.get(), &byte, 1), 0) << "the writing end is still open in the child";
}

TEST(Calibration, AnInstructionTakesTimeInThisThreadToo) {
  EXPECT_GT(cached_instruction_seconds(), 0);
  EXPECT_LT(cached_instruction_seconds(), 1e-3);
}

}  // namespace
}  // namespace tier
