#include "predictor/training/support.h"

#include <gtest/gtest.h>

#include "predictor/snapshot_fixture.h"

namespace tier {
namespace {

constexpr std::size_t kCount = kHorizons.size();

// What a forecaster does with a snapshot before the buffer sees it.
struct Seen {
  RegionStatistics statistics;
  FeatureExtractor extractor;
  std::vector<std::uint32_t> rows;
  std::vector<float> counsel;

  void see(const RegionSnapshot& snapshot) {
    statistics.observe(snapshot);
    counsel.assign(snapshot.regions.size(), 7);
    extractor.observe(snapshot, statistics, {counsel, counsel, counsel});
    rows.clear();
    for (std::uint32_t row = 0; row < snapshot.regions.size(); ++row) rows.push_back(row);
  }
};

std::vector<double> rising(std::size_t regions, std::uint64_t tick) {
  std::vector<double> samples(regions);
  for (std::size_t i = 0; i < regions; ++i) samples[i] = static_cast<double>(1 + i + tick % 16);
  return samples;
}

void run(Seen& seen, SupportBuffer& buffer, std::size_t regions, std::uint64_t from, std::uint64_t to) {
  for (std::uint64_t t = from; t < to; ++t) {
    seen.see(snapshot_of(rising(regions, t), t, static_cast<std::uint32_t>(t)));
    buffer.add(seen.extractor, seen.statistics.roster(), seen.rows);
  }
}

std::size_t listed_in(const TrainingTask& task, std::size_t tick) {
  std::size_t count = 0;
  for (std::size_t r = 0; r < task.regions; ++r) count += task.listed[tick * task.regions + r];
  return count;
}

TEST(SupportBuffer, KeepsTheLatestTicksOldestFirstWithWhatCame) {
  Seen seen;
  SupportBuffer buffer;
  run(seen, buffer, 6, 0, kSupportTicks + 9);
  const TrainingTask task = buffer.task();
  ASSERT_EQ(task.ticks, kSupportTicks);
  ASSERT_EQ(task.regions, kSupportRegions);
  for (const std::size_t t : {std::size_t{0}, std::size_t{40}, kSupportTicks - 1}) {
    EXPECT_EQ(listed_in(task, t), 6U);
    // The demand of the regions, whichever place they have, is that of tick t + 9 of the run.
    std::vector<double> last, expected = rising(6, t + 9);
    for (std::size_t r = 0; r < task.regions; ++r)
      if (task.listed[t * task.regions + r] != 0)
        last.push_back(task.baselines[(t * task.regions + r) * kCount * kBaselines]);
    std::sort(last.begin(), last.end());
    const double scale = seen.statistics.sample_weight();
    for (std::size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(last[i], expected[i] * scale, 0.01 * last[i]);
  }
  for (std::size_t h = 0; h < kCount; ++h) {
    const auto ahead = static_cast<std::size_t>(kHorizons[h]);
    for (std::size_t r = 0; r < task.regions; ++r) {
      EXPECT_EQ(task.came[((kSupportTicks - ahead) * task.regions + r) * kCount + h], kNotKnown);
      float sum = 0;
      for (std::size_t k = 1; k <= ahead; ++k)
        sum += task.baselines[((10 + k) * task.regions + r) * kCount * kBaselines];
      EXPECT_NEAR(task.came[(10 * task.regions + r) * kCount + h], sum / static_cast<float>(ahead),
                  1e-3F * sum);
    }
  }
}

TEST(SupportBuffer, TakesASampleOfManyRegionsAndStaysWithinItsMemory) {
  Seen seen;
  SupportBuffer buffer;
  EXPECT_EQ(buffer.bytes_used(), 0U);
  run(seen, buffer, 2000, 0, 10);
  EXPECT_LE(buffer.bytes_used(), 2U << 20);
  const TrainingTask task = buffer.task();
  EXPECT_GT(listed_in(task, 0), kSupportRegions / 2);
  EXPECT_EQ(listed_in(task, 0), listed_in(task, 9)) << "the same regions tick after tick";
}

TEST(SupportBuffer, ARegionThatLeftIsSilentAndItsPlaceIsGivenAgainOnlyLater) {
  Seen seen;
  SupportBuffer buffer;
  run(seen, buffer, 4, 0, 10);
  run(seen, buffer, 3, 10, 30);
  TrainingTask task = buffer.task();
  EXPECT_EQ(listed_in(task, 9), 4U);
  EXPECT_EQ(listed_in(task, 10), 3U);
  std::size_t silent = 0;
  for (std::size_t r = 0; r < task.regions; ++r)
    silent +=
        task.listed[9 * task.regions + r] != 0 && task.came[(9 * task.regions + r) * kCount] == 0 ? 1U : 0U;
  EXPECT_EQ(silent, 1U);
}

TEST(SupportBuffer, ForgetsAll) {
  Seen seen;
  SupportBuffer buffer;
  run(seen, buffer, 4, 0, 10);
  buffer.forget();
  EXPECT_EQ(buffer.ticks(), 0U);
  EXPECT_EQ(buffer.bytes_used(), 0U);
  EXPECT_EQ(buffer.task().ticks, 0U);
  run(seen, buffer, 4, 10, 12);
  EXPECT_EQ(buffer.task().ticks, 2U);
}

}  // namespace
}  // namespace tier
