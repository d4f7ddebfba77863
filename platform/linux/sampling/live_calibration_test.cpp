#include "platform/linux/sampling/live_calibration.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace tier {
namespace {

SamplingSettings short_runs() {
  SamplingSettings settings;
  settings.calibration_time = std::chrono::milliseconds(10);
  settings.calibration_buffer = 1_MiB;
  return settings;
}

// Until the loop has ended by itself.
void wait_for_end(LiveCalibration& calibration) {
  while (calibration.child()) {
    usleep(2000);
    calibration.advance();
  }
}

TEST(LiveCalibration, AFewSamplesOfTheLoopEndIt) {
  ManualClock clock;
  const SamplingSettings settings = [] {
    SamplingSettings long_run;
    long_run.calibration_time = std::chrono::hours(1);
    return long_run;
  }();
  LiveCalibration calibration(settings, clock, WeightMeaning::kStall, true);
  EXPECT_TRUE(calibration.advance());
  ASSERT_TRUE(calibration.child());
  EXPECT_FALSE(calibration.advance());
  for (int i = 0; i < 4; ++i) calibration.add_calibration(calibration_loop().after, std::nullopt);
  EXPECT_TRUE(calibration.advance());
  EXPECT_FALSE(calibration.child());
  EXPECT_TRUE(calibration.verdict().settled);
  clock.advance(std::chrono::hours(10));
  EXPECT_FALSE(calibration.advance()) << "settled for good";
}

TEST(LiveCalibration, ARunWithoutSamplesLeavesThePriorAndIsRepeatedEverMoreRarely) {
  ManualClock clock;
  const SamplingSettings settings = short_runs();
  LiveCalibration calibration(settings, clock, WeightMeaning::kAccesses, true);
  EXPECT_TRUE(calibration.advance());
  wait_for_end(calibration);
  EXPECT_EQ(calibration.verdict().meaning, WeightMeaning::kAccesses);
  EXPECT_FALSE(calibration.verdict().settled);
  EXPECT_GT(calibration.verdict().instruction_seconds, 0);
  int runs = 0;
  for (int minute = 0; minute < 600; ++minute) {
    clock.advance(std::chrono::minutes(1));
    if (!calibration.advance()) continue;
    ++runs;
    wait_for_end(calibration);
  }
  EXPECT_GE(runs, 8);
  EXPECT_LE(runs, 20);
}

TEST(LiveCalibration, WithoutALoopThereIsThePrior) {
  ManualClock clock;
  const SamplingSettings settings;
  LiveCalibration calibration(settings, clock, WeightMeaning::kStall, false);
  EXPECT_FALSE(calibration.advance());
  EXPECT_EQ(calibration.verdict().meaning, WeightMeaning::kStall);
  EXPECT_NE(calibration.describe().find("not settled yet"), std::string::npos);
}

}  // namespace
}  // namespace tier
