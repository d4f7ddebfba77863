// Memory topologies in real kernels: sixteen nodes with and without HMAT, machines with distances alone, and
// the probe on a full node.
#include "tests/lab/lab_rig.h"

namespace tier::lab {
namespace {

void expect_passed(const Outcome& outcome) {
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  std::string lines;
  for (const std::string& line : outcome.record.lines) lines += line + "\n";
  ASSERT_EQ(outcome.record.exits.size(), 1U);
  EXPECT_EQ(outcome.record.exits[0]["code"], 0) << lines;
  EXPECT_NE(lines.find("[  PASSED  ]"), std::string::npos) << lines;
}

TEST(Topology, SixteenNodesWithHmat) { expect_passed(run_scenario("topo-snc4", {})); }

TEST(Topology, SixteenNodesWithoutHmat) {
  expect_passed(
      run_scenario("topo-snc4", {"topology.hmat=\"off\"",
                                 "workload.commands=[[\"sh\",\"-c\",\"TIER_NO_HMAT=1 topology_guest_test "
                                 "--gtest_filter=SixteenNodes.*\"]]"}));
}

TEST(Topology, KnightsLandingWithDistancesAlone) { expect_passed(run_scenario("topo-knl", {})); }

TEST(Topology, TwoSocketsWithDistancesAlone) { expect_passed(run_scenario("topo-distances", {})); }

TEST(Topology, GraceHopperWithDistancesAlone) { expect_passed(run_scenario("topo-gh200", {})); }

class FullNode : public ::testing::TestWithParam<const char*> {};

TEST_P(FullNode, IsMeasuredAndTheKernelLogsNoFailure) {
  expect_passed(run_scenario(
      "exec-example",
      {std::string("run.kernel=\"") + GetParam() + "\"", "image.binaries=[\"topology_guest_test\"]",
       "workload.commands=[[\"topology_guest_test\",\"--gtest_filter=FullNode.*\"]]"}));
}

INSTANTIATE_TEST_SUITE_P(Every, FullNode, ::testing::Values("6.1", "6.12"));

}  // namespace
}  // namespace tier::lab
