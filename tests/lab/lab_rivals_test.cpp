// The rivals that only newer kernels have are at work when a run says so, and programs of an interpreter run.
#include "tests/lab/lab_rig.h"
#include "tools/tier-lab/verdict.h"

namespace tier::lab {
namespace {

TEST(Rivals, DamosFollowsItsGoals) {
  const Outcome outcome =
      run_scenario("smoke-2node", {"run.kernel=\"7.2\"", "rival.tool=damos", "run.length_s=6",
                                   "rival.damos={goals=true,quota_mib_per_s=200,quota_ms_per_s=0,"
                                   "hot_min_percent=5,cold_max_percent=0,min_age=0}"});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  const Result<Verdict> verdict = judge(outcome.scenario, outcome.record);
  ASSERT_TRUE(verdict) << verdict.error().text();
  EXPECT_GT(verdict->progress, 0);
  EXPECT_GT(verdict->migrated_mib, 0);
}

// The nodes' bandwidths are five to one, and so are the weights.
TEST(Rivals, InterleavingByWeightAndAProgramInPython) {
  const Outcome outcome = run_scenario(
      "sqlite-1to4", {"run.kernel=\"7.2\"", "rival.tool=interleave", "run.length_s=3",
                      "workload.command=[\"/usr/bin/python3\",\"/workloads/sqlite.py\",\"60\",\"{seed}\"]"});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  const Result<Verdict> verdict = judge(outcome.scenario, outcome.record);
  ASSERT_TRUE(verdict) << verdict.error().text();
  EXPECT_GT(verdict->progress, 0);
  EXPECT_GT(verdict->fast_share, 0.7);
  EXPECT_LT(verdict->fast_share, 0.95);
}

}  // namespace
}  // namespace tier::lab
