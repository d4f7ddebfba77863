#include "predictor/run_lengths.h"

#include <gtest/gtest.h>

#include <vector>

namespace tier {
namespace {

TEST(RunLengths, StaysDenseNearNowAndCoversTheLongMemory) {
  RunLengths runs;
  for (int t = 1; t <= 500; ++t) {
    const RunLengths::Step step = runs.advance();
    EXPECT_EQ(step.newest, runs.slot(runs.count() - 1));
    EXPECT_LE(runs.count(), RunLengths::kMost);
    double older = 1e9;
    for (std::size_t i = 1; i < runs.count(); ++i) {
      EXPECT_LT(runs.exposure(i, 1000), older);
      older = runs.exposure(i, 1000);
    }
    EXPECT_DOUBLE_EQ(older, 1) << "the newest began in this tick";
  }
  EXPECT_NEAR(runs.exposure(0, 1000), 50, 0.1);
  EXPECT_DOUBLE_EQ(runs.exposure(runs.count() - 2, 1000), 2);
  EXPECT_GT(runs.exposure(1, 1000), 12) << "phases of a quarter minute are told apart";
}

TEST(RunLengths, NoHypothesisSawMoreThanTheRegionsAge) {
  RunLengths runs;
  for (int t = 0; t < 40; ++t) runs.advance();
  for (std::size_t i = 1; i < runs.count(); ++i) EXPECT_LE(runs.exposure(i, 3), 3);
  EXPECT_LT(runs.exposure(0, 3), 3);
}

// Replays the steps on a plain array of start ticks, as a belief's arrays are.
TEST(RunLengths, StepsTellExactlyWhichSlotBeginsAnew) {
  RunLengths runs;
  std::vector<int> starts(RunLengths::kMost);
  for (int t = 1; t <= 300; ++t) {
    const RunLengths::Step step = runs.advance();
    if (runs.count() == RunLengths::kMost && t >= static_cast<int>(RunLengths::kMost)) {
      EXPECT_LT(starts[step.into], starts[step.newest]) << "what goes is added to its older neighbour";
    }
    starts[step.newest] = t;
    EXPECT_EQ(runs.slot(0), 0u) << "\"always\" stays";
    for (std::size_t i = 1; i < runs.count(); ++i)
      EXPECT_DOUBLE_EQ(runs.exposure(i, 1000), t - starts[runs.slot(i)] + 1) << t << ' ' << i;
  }
}

}  // namespace
}  // namespace tier
