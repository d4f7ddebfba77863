#include "tools/tier-lab/scenario.h"

#include <gmock/gmock.h>

#include <filesystem>

namespace tier::lab {
namespace {

using ::testing::HasSubstr;

constexpr const char* kGood = R"(
name = "good"
[topology]
vcpus = 2
distances = [[10, 20], [20, 10]]
[[topology.node]]
size_mib = 256
cpus = [0, 1]
read_latency_ns = 80
read_bandwidth_mib_s = 100000
[[topology.node]]
size_mib = 1024
read_latency_ns = 240
read_bandwidth_mib_s = 20000
[workload]
command = ["hotset", "--seed", "{seed}"]
[tierd.config]
mode = "act"
tiers = { latency = "firmware" }
)";

std::string refusal(const std::vector<std::string>& overrides) {
  const Result<Scenario> scenario = parse_scenario(kGood, "good.toml", overrides);
  return scenario ? "accepted" : scenario.error().text();
}

TEST(ScenarioText, AGoodOneIsRead) {
  const Result<Scenario> scenario = parse_scenario(kGood, "good.toml", {});
  ASSERT_TRUE(scenario) << scenario.error().text();
  EXPECT_EQ(scenario->topology.nodes[1].write_latency_ns, 960U) << "write latency follows read latency";
  EXPECT_EQ(scenario->topology.fast_node(), 0U);
  EXPECT_EQ(scenario->periods(), 30U);
  EXPECT_THAT(scenario->tierd_config, HasSubstr("latency = 'firmware'"));
}

TEST(ScenarioText, OverridesReplaceAndMayBeBareWords) {
  const Result<Scenario> scenario = parse_scenario(
      kGood, "good.toml",
      {"run.length_s=5", "rival.tool=numab", "llc.size_kib=2048", "tierd.config.mode=\"observe\""});
  ASSERT_TRUE(scenario) << scenario.error().text();
  EXPECT_EQ(scenario->length_s, 5);
  EXPECT_EQ(scenario->tool, "numab");
  EXPECT_EQ(scenario->llc.size_bytes, 2U << 20);
  EXPECT_THAT(scenario->tierd_config, HasSubstr("observe"));
}

TEST(ScenarioText, TheFastNodeIsTheNearestUnlessTheScenarioSaysOtherwise) {
  const Result<Scenario> nearest = parse_scenario(kGood, "good.toml", {});
  const Result<Scenario> named = parse_scenario(kGood, "good.toml", {"topology.fast_node=1"});
  ASSERT_TRUE(nearest && named);
  EXPECT_EQ(nearest->topology.fast_node(), 0U);
  EXPECT_EQ(named->topology.fast_node(), 1U);
}

TEST(ScenarioText, AllFastGivesEveryNodeTheFastOnesFigures) {
  const Result<Scenario> scenario = parse_scenario(kGood, "good.toml", {"topology.all_fast=true"});
  ASSERT_TRUE(scenario) << scenario.error().text();
  for (const NodeSpec& node : scenario->topology.nodes) {
    EXPECT_EQ(node.read_latency_ns, 320U);
    EXPECT_EQ(node.read_bandwidth_mib_s, 25'000U);
  }
  EXPECT_EQ(scenario->topology.nodes[1].size_mib, 1024U);
}

TEST(ScenarioText, UnknownKeysAreRefusedWithTheKnownOnes) {
  EXPECT_THAT(refusal({"run.lenght_s=5"}), HasSubstr("run.lenght_s is not a key"));
  EXPECT_THAT(refusal({"run.lenght_s=5"}), HasSubstr("length_s"));
  EXPECT_THAT(refusal({"colour=1"}), HasSubstr("colour is not a key"));
}

TEST(ScenarioText, WrongTypesAndRangesNameTheKey) {
  EXPECT_THAT(refusal({"run.length_s=\"long\""}), HasSubstr("run.length_s must be a number"));
  EXPECT_THAT(refusal({"topology.vcpus=0"}), HasSubstr("topology.vcpus must be"));
  EXPECT_THAT(refusal({"rival.tool=magic"}), HasSubstr("none, numab, damos, interleave, tierd"));
  EXPECT_THAT(refusal({"run.kernel=\"5.10\""}), HasSubstr("6.1, 6.12, 7.2"));
  EXPECT_THAT(refusal({"workload.command=\"hotset\""}), HasSubstr("list of strings"));
  EXPECT_THAT(refusal({"nonsense"}), HasSubstr("key=value"));
}

TEST(Topology, ImpossibleMachinesNameTheKeyAndTheFix) {
  EXPECT_THAT(refusal({"topology.distances=[[10,20]]"}),
              HasSubstr("topology.distances has 1 rows for 2 nodes"));
  EXPECT_THAT(refusal({"topology.distances=[[10,20],[20,11]]"}), HasSubstr("distance to itself is 10"));
  EXPECT_THAT(refusal({"topology.distances=[[10,5],[20,10]]"}), HasSubstr("11 to 254"));
  EXPECT_THAT(refusal({"topology.vcpus=3"}), HasSubstr("place 2 of 3 CPUs"));
  EXPECT_THAT(refusal({"topology.vcpus=1"}), HasSubstr("names CPU 1"));
  EXPECT_THAT(refusal({"topology.fast_node=2"}), HasSubstr("topology.fast_node is 2, but there are 2 nodes"));
  EXPECT_THAT(refusal({"topology.node=[{size_mib=64,cpus=[0,1],read_latency_ns=80,read_bandwidth_mib_s=1}]"}),
              HasSubstr("at least 192"));
  EXPECT_THAT(refusal({"topology.node=[]"}), HasSubstr("topology.node has 0 entries"));
  EXPECT_THAT(refusal({"topology.node=[{size_mib=256,read_latency_ns=80,read_bandwidth_mib_s=1},{size_mib="
                       "256,cpus=[0,1],read_latency_ns=80,read_bandwidth_mib_s=1}]"}),
              HasSubstr("node[0].cpus is empty"));
  EXPECT_THAT(refusal({"topology.node=[{size_mib=256,cpus=[0,1],read_bandwidth_mib_s=1},{size_mib=256,read_"
                       "latency_ns=80,read_bandwidth_mib_s=1}]"}),
              HasSubstr("read_latency_ns is missing"));
}

TEST(ScenarioCheck, RunsThatCannotBeAreRefused) {
  EXPECT_THAT(refusal({"llc.size_kib=3000"}), HasSubstr("power-of-two"));
  EXPECT_THAT(refusal({"run.period_s=60"}), HasSubstr("run.length_s is shorter"));
  EXPECT_THAT(refusal({"workload.mode=exec"}), HasSubstr("workload.commands is missing"));
  EXPECT_THAT(refusal({"image.python=[\"os; print()\"]"}),
              HasSubstr("image.python must hold names of modules"));
  EXPECT_THAT(refusal({"workload.cpus=[5]"}), HasSubstr("workload.cpus names CPU 5"));
}

TEST(Clock, WaitingSlowsTheMachineDownUnlessInstructionsAloneAreCounted) {
  const Result<Scenario> waiting = parse_scenario(kGood, "good.toml", {});
  ASSERT_TRUE(waiting) << waiting.error().text();
  EXPECT_EQ(waiting->clock, ClockKind::kWaiting);
  EXPECT_EQ(waiting->ns_per_instruction(), 1U);
  EXPECT_EQ(waiting->stretch(), 4U) << "250 ps take a nanosecond there, so all else takes four times as long";
  EXPECT_EQ(waiting->topology.nodes[1].read_latency_ns, 960U);
  EXPECT_EQ(waiting->topology.nodes[1].read_bandwidth_mib_s, 5000U);
  const Result<Scenario> old = parse_scenario(kGood, "good.toml", {"run.clock=instructions"});
  ASSERT_TRUE(old) << old.error().text();
  EXPECT_EQ(old->ns_per_instruction(), 8U);
  EXPECT_EQ(old->topology.nodes[1].read_latency_ns, 240U);
  EXPECT_EQ(old->tierd_config, waiting->tierd_config) << "tierd is told nothing of the clock";
}

TEST(Clock, NonsenseIsRefused) {
  EXPECT_THAT(refusal({"run.clock=sundial"}), HasSubstr("instructions, waiting"));
  EXPECT_THAT(refusal({"run.instruction_ps=375"}), HasSubstr("use 125, 250, 500"));
  EXPECT_THAT(refusal({"run.vcpu_clocks=own", "run.clock=instructions"}), HasSubstr("--clock waiting"));
  EXPECT_EQ(refusal({"run.vcpu_clocks=own"}), "accepted");
  EXPECT_THAT(refusal({"topology.preset=abacus"}), HasSubstr("ddr5-cxl"));
  EXPECT_THAT(refusal({"core.fill_buffers=0"}), HasSubstr("core.fill_buffers"));
}

TEST(ScenarioFiles, AllOfTheRepositoryAreGood) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(TIER_SCENARIOS)) {
    const Result<Scenario> scenario = load_scenario(entry.path().string(), {});
    EXPECT_TRUE(scenario) << scenario.error().text();
    if (scenario) {
      EXPECT_EQ(scenario->name, entry.path().stem().string());
    }
    ++files;
  }
  EXPECT_GE(files, 8U);
}

}  // namespace
}  // namespace tier::lab
