// Topologies and kernels: does the guest kernel see what the scenario says?
#include "tests/lab/lab_rig.h"

namespace tier::lab {
namespace {

TEST(Topology, ThreeTiers) {
  const Outcome outcome =
      run_scenario("topo-3node", {"run.clock=instructions", "run.length_s=1",
                                  "workload.command=[\"hotset\",\"--mib\",\"300\",\"--wait\"]"});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  const nlohmann::json& nodes = outcome.record.machine.at("nodes");
  ASSERT_EQ(nodes.size(), 3U);
  EXPECT_EQ(nodes[0]["read_latency"], "80");
  EXPECT_EQ(nodes[1]["read_latency"], "120");
  EXPECT_EQ(nodes[2]["read_latency"], "300");
  EXPECT_EQ(nodes[2]["cpus"], "");
  EXPECT_EQ(nodes[2]["distance"], "40 40 10");
  EXPECT_GE(outcome.record.machine.at("tiers").size(), 2U) << outcome.record.machine.dump();
}

TEST(Topology, FourNodesAcrossTheHole) {
  const Outcome outcome = run_scenario("topo-4node", {"run.clock=instructions", "run.length_s=1"});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  const nlohmann::json& nodes = outcome.record.machine.at("nodes");
  ASSERT_EQ(nodes.size(), 4U);
  EXPECT_EQ(nodes[1]["cpus"], "2-3");
  EXPECT_GT(nodes[3]["total_kib"].get<long long>(), 900'000);
  ASSERT_FALSE(outcome.record.periods.empty());
  EXPECT_EQ(outcome.record.periods[0].nodes.size(), 4U);
}

class Kernel : public ::testing::TestWithParam<const char*> {};

TEST_P(Kernel, RunsCommandsAndBringsTheirExitCodesBack) {
  const Outcome outcome = run_scenario(
      "exec-example",
      {std::string("run.kernel=\"") + GetParam() + "\"",
       "workload.commands=[[\"true\"],[\"sh\",\"-c\",\"echo to be seen; exit 3\"],[\"no-such-applet\"]]",
       "image.binaries=[]"});
  // A program that is nowhere is found out before the guest boots.
  ASSERT_FALSE(outcome.ran);
  EXPECT_NE(outcome.ran.error().message.find("no-such-applet"), std::string::npos);
  const Outcome good = run_scenario(
      "exec-example", {std::string("run.kernel=\"") + GetParam() + "\"",
                       "workload.commands=[[\"true\"],[\"sh\",\"-c\",\"echo to be seen; exit 3\"]]"});
  ASSERT_TRUE(good.ran) << good.ran.error().text();
  ASSERT_EQ(good.record.exits.size(), 2U);
  EXPECT_EQ(good.record.exits[0]["code"], 0);
  EXPECT_EQ(good.record.exits[1]["code"], 3);
  EXPECT_EQ(good.record.lines, std::vector<std::string>{"exec: to be seen"});
  EXPECT_EQ(good.record.machine["release"].get<std::string>().rfind(GetParam(), 0), 0U);
}

INSTANTIATE_TEST_SUITE_P(Every, Kernel, ::testing::Values("6.1", "6.12", "7.2"));

}  // namespace
}  // namespace tier::lab
