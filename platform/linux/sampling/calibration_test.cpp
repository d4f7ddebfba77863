#include "platform/linux/sampling/calibration.h"

#include <gtest/gtest.h>

#include <vector>

namespace tier {
namespace {

const CalibrationLoop kLoop{0x1000, 0x1020, 0x1024, 0x1064, 25};
const CalibrationRun kRun{std::chrono::milliseconds(400), 1'000'000, 0x10000, 1_MiB};

// Samples spread evenly over the instructions, four bytes each.
std::vector<CalibrationSample> even(int rounds) {
  std::vector<CalibrationSample> samples;
  for (int round = 0; round < rounds; ++round)
    for (Address ip = kLoop.begin; ip < kLoop.end; ip += 4) samples.push_back({ip, ip == kLoop.after});
  return samples;
}

TEST(Calibration, HardwareGathersBehindTheLoad) {
  std::vector<CalibrationSample> samples = even(1);
  for (int i = 0; i < 75; ++i) samples.push_back({kLoop.after, true});
  const auto result = analyse_calibration(kLoop, kRun, samples, 100, 3);
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->ip_is_behind);
  EXPECT_EQ(result->meaning, WeightMeaning::kStall);
  EXPECT_NEAR(result->concentration, 76.0 / 100 * 25, 1e-9);
  EXPECT_DOUBLE_EQ(result->right_share, 1);
}

TEST(Calibration, OtherProcessorsPointAtTheLoad) {
  std::vector<CalibrationSample> samples = even(1);
  for (int i = 0; i < 75; ++i) samples.push_back({kLoop.load, true});
  const auto result = analyse_calibration(kLoop, kRun, samples, 100, 3);
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->ip_is_behind);
}

TEST(Calibration, EvenSpreadMeansFrequency) {
  const auto result = analyse_calibration(kLoop, kRun, even(4), 100, 3);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->meaning, WeightMeaning::kAccesses);
  EXPECT_NEAR(result->concentration, 1, 1e-9);
  EXPECT_NEAR(result->instruction_seconds, 0.4 / 25e6, 1e-10);
}

TEST(Calibration, TooFewSamplesAreNoVerdict) {
  EXPECT_FALSE(analyse_calibration(kLoop, kRun, {}, 100, 3));
  EXPECT_FALSE(analyse_calibration(kLoop, kRun, {}, 0, 3));
}

}  // namespace
}  // namespace tier
