// Stall sampling on this machine's own kernel. Needs root (CAP_BPF and CAP_PERFMON).
#include <gtest/gtest.h>

#include "platform/linux/sampling/stall_source.h"
#include "tests/native/native_support.h"
#include "tests/native/watched_program.h"

namespace tier {
namespace {

TEST(StallNative, SamplesOfAKnownProgramFallInItsArray) {
  const SteadyClock clock;
  StallSource source({}, clock);
  const Result<void> started = source.start();
  ASSERT_TRUE(started) << started.error().text();
  const SharedArray array(512U << 20U);
  const WatchedProgram program([&] { read_at_random(array); });
  const Target target = target_of(program.pid(), 7);
  ASSERT_TRUE(source.set_targets(std::span(&target, 1)));
  gather(source, 10);  // first touch
  const SampleBatch batch = gather(source, 30);
  expect_balanced(batch.counters);
  const SourceStatus status = source.status();
  std::printf("%s: %s\n%lu taken, %lu undecoded, %lu lost, %.4f of a CPU\n", status.name.c_str(),
              status.fidelity.c_str(), batch.counters.taken, batch.counters.undecoded, batch.counters.lost,
              status.cpu_share);
  ASSERT_GT(batch.samples.size(), 100U);
  std::size_t right = 0, hot = 0;
  double weight = 0;
  const AddressRange hot_range{array.range().start, array.range().start + array.range().size().value / 16};
  for (const AccessSample& sample : batch.samples) {
    EXPECT_EQ(sample.target, TargetId{7});
    right += array.range().contains(sample.address) ? 1U : 0U;
    hot += hot_range.contains(sample.address) ? 1U : 0U;
    weight += sample.weight;
  }
  const double count = static_cast<double>(batch.samples.size());
  std::printf(
      "%zu samples, %.1f %% right, %.1f %% hot, %.2f s of weight, decoded %.1f %%\n", batch.samples.size(),
      100.0 * static_cast<double>(right) / count, 100.0 * static_cast<double>(hot) / count, weight,
      100.0 * static_cast<double>(batch.counters.delivered) / static_cast<double>(batch.counters.taken));
  EXPECT_GE(static_cast<double>(right), 0.95 * count);
  EXPECT_GE(static_cast<double>(hot), 0.5 * count);
}

}  // namespace
}  // namespace tier
