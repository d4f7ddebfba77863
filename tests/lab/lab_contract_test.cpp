// The contract of the platform on a real kernel with two nodes, where pages really move.
#include "tests/lab/lab_rig.h"

namespace tier::lab {
namespace {

class SharedPages : public ::testing::TestWithParam<const char*> {};

TEST_P(SharedPages, MoveOnARealKernelAsOnTheFakeMachine) {
  const Outcome outcome = run_scenario(
      "exec-example",
      {std::string("run.kernel=\"") + GetParam() + "\"",
       "workload.commands=[[\"platform_contract_test\",\"--gtest_color=no\",\"--gtest_filter=*Shared*\"]]"});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  ASSERT_EQ(outcome.record.exits.size(), 1U);
  EXPECT_EQ(outcome.record.exits[0]["code"], 0) << all_lines(outcome.record);
  EXPECT_EQ(all_lines(outcome.record).find("SKIPPED"), std::string::npos) << all_lines(outcome.record);
}

INSTANTIATE_TEST_SUITE_P(OldestAndNewest, SharedPages, ::testing::Values("6.1", "7.2"));

}  // namespace
}  // namespace tier::lab
