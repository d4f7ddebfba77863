// The counting plugin against loads whose answer is known.
#include <numeric>

#include "tests/lab/lab_rig.h"
#include "tools/tier-lab/verdict.h"

namespace tier::lab {
namespace {

class BoundTo : public ::testing::TestWithParam<int> {};

TEST_P(BoundTo, MissesComeFromThatNode) {
  const std::string node = std::to_string(GetParam());
  const Outcome outcome = run_scenario(
      "smoke-2node",
      {"run.clock=instructions", "run.length_s=4", "workload.command=[\"bound\",\"" + node + "\",\"64\"]"});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  const Result<Verdict> verdict = judge(outcome.scenario, outcome.record);
  ASSERT_TRUE(verdict) << verdict.error().text();
  std::uint64_t there = 0;
  for (const PeriodVerdict& period : verdict->periods)
    there += period.misses_by_node[static_cast<std::size_t>(GetParam())];
  EXPECT_GT(static_cast<double>(there), 0.99 * static_cast<double>(verdict->misses));
  EXPECT_NEAR(verdict->fast_share, GetParam() == 0 ? 1.0 : 0.0, 0.01);
  // 64 MiB read at random through a cache of 4 MiB: 15 of 16 reads miss. The last line of progress may lag by
  // a batch.
  EXPECT_NEAR(static_cast<double>(verdict->misses) / verdict->progress, 15.0 / 16, 0.04);
  // The reads are even: each of the 32 regions has its share.
  std::size_t fair = 0;
  for (const auto& [region, cells] : verdict->heat) {
    std::uint64_t sum = 0;
    for (const HeatCell& cell : cells) sum += cell.misses;
    const double share = static_cast<double>(sum) * 32 / static_cast<double>(verdict->misses);
    if (share > 0.9 && share < 1.1) ++fair;
  }
  EXPECT_GE(fair, 31U) << "an unaligned mapping shares out its two ends";
}

INSTANTIATE_TEST_SUITE_P(EitherNode, BoundTo, ::testing::Values(0, 1));

TEST(SameSeed, GivesTheSameCounts) {
  const std::vector<std::string> quick = {"run.clock=instructions", "run.length_s=1",
                                          "workload.command=[\"bound\",\"1\",\"32\"]"};
  const Outcome first = run_scenario("smoke-2node", quick);
  const Outcome second = run_scenario("smoke-2node", quick);
  ASSERT_TRUE(first.ran && second.ran);
  const Result<Verdict> a = judge(first.scenario, first.record);
  const Result<Verdict> b = judge(second.scenario, second.record);
  ASSERT_TRUE(a && b);
  EXPECT_NEAR(static_cast<double>(a->misses), static_cast<double>(b->misses),
              0.01 * static_cast<double>(a->misses));
}

}  // namespace
}  // namespace tier::lab
