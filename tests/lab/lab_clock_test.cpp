// The waiting clock: what a program feels of the memory that it waits for.
#include "tests/lab/lab_rig.h"
#include "tools/tier-lab/verdict.h"

namespace tier::lab {
namespace {

Outcome run_bound(const std::string& node) {
  return run_scenario("smoke-2node", {"run.length_s=1", "run.timeout_s=1500",
                                      "workload.command=[\"bound\",\"" + node + "\",\"64\"]"});
}

// Guests cost most of the time, so both are asked of the same three.
TEST(WaitingClock, ASlowNodeMakesTheProgramSlowByItsWaitsAndTheSameSeedDoesSoAgain) {
  const Outcome on_fast = run_bound("0"), on_slow = run_bound("1"), again = run_bound("1");
  double operations[2] = {}, waited[2] = {};
  for (const std::size_t node : {0U, 1U}) {
    const Outcome& outcome = node == 0 ? on_fast : on_slow;
    ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
    EXPECT_EQ(outcome.record.self_test.at("passed"), true);
    const Result<Verdict> verdict = judge(outcome.scenario, outcome.record);
    ASSERT_TRUE(verdict) << verdict.error().text();
    operations[node] = verdict->progress_per_s;
    waited[node] = verdict->waited_s / static_cast<double>(verdict->misses);
  }
  // Independent reads overlap alike on both nodes, so a wait is longer as the latency is, or by a little
  // less.
  EXPECT_GT(waited[1] / waited[0], 2.4);
  EXPECT_LT(waited[1] / waited[0], 3.2);
  EXPECT_GT(operations[0], 1.3 * operations[1]);

  ASSERT_TRUE(again.ran) << again.ran.error().text();
  ASSERT_EQ(on_slow.record.periods.size(), again.record.periods.size());
  for (std::size_t i = 0; i < again.record.periods.size(); ++i)
    EXPECT_EQ(on_slow.record.periods[i].nodes[1].user_wait_ns, again.record.periods[i].nodes[1].user_wait_ns);
  EXPECT_EQ(on_slow.record.self_test.at("measured"), again.record.self_test.at("measured"));
}

}  // namespace
}  // namespace tier::lab
