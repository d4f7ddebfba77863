#include "platform/linux/sampling/calibration.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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
