// Bad weather: guests that die, hang or never get ready are clear errors.
#include <chrono>

#include "tests/lab/lab_rig.h"

namespace tier::lab {
namespace {

using ::testing::Test;

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(Weather, APanicIsNamedWithTheConsole) {
  const Outcome outcome =
      run_scenario("exec-example", {"workload.commands=[[\"sh\",\"-c\",\"echo c > /proc/sysrq-trigger\"]]"});
  ASSERT_FALSE(outcome.ran);
  const std::string text = outcome.ran.error().text();
  EXPECT_TRUE(contains(text, "the guest kernel panicked")) << text;
  EXPECT_TRUE(contains(text, "sysrq triggered crash")) << text;
}

TEST(Weather, AHangIsFoundByItsSilence) {
  // Real-time loops on both CPUs starve everything else, the agent included.
  const auto start = std::chrono::steady_clock::now();
  const std::string starve =
      "echo -1 > /proc/sys/kernel/sched_rt_runtime_us; "
      "for f in /sys/kernel/debug/sched/fair_server/cpu*/runtime; do echo 0 > $f; done; "
      "chrt -f 99 sh -c 'while :; do :; done' & chrt -f 99 sh -c 'while :; do :; done'";
  const Outcome outcome = run_scenario(
      "exec-example",
      {"run.silence_s=15", "run.timeout_s=200", "run.kernel_arguments=\"rcupdate.rcu_cpu_stall_suppress=1\"",
       "image.binaries=[\"chrt\"]", "workload.commands=[[\"sh\",\"-c\",\"" + starve + "\"]]"});
  ASSERT_FALSE(outcome.ran);
  EXPECT_TRUE(contains(outcome.ran.error().text(), "the guest hangs: no sign of life for 15 s"))
      << outcome.ran.error().text();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(150));
}

TEST(Weather, AWorkloadThatEndsEarlyIsAnError) {
  const Outcome outcome = run_scenario(
      "smoke-2node", {"run.clock=instructions", "workload.command=[\"hotset\",\"--nonsense\",\"1\"]"});
  ASSERT_FALSE(outcome.ran);
  EXPECT_TRUE(contains(outcome.ran.error().text(), "ended with code 2 before its ready line"))
      << outcome.ran.error().text();
  EXPECT_TRUE(contains(outcome.ran.error().text(), "unknown option --nonsense"))
      << outcome.ran.error().text();
}

TEST(Weather, AnImpossibleTopologyNeverBoots) {
  const Outcome outcome = run_scenario("smoke-2node", {"topology.distances=[[10]]"});
  ASSERT_FALSE(outcome.ran);
  EXPECT_TRUE(contains(outcome.ran.error().text(), "topology.distances")) << outcome.ran.error().text();
}

TEST(Weather, AMachineThatQemuRefusesSaysSo) {
  const Outcome outcome =
      run_scenario("exec-example",
                   {"run.timeout_s=100",
                    "topology.node=[{size_mib=1048576,cpus=[0,1],read_latency_ns=80,read_bandwidth_mib_s=1},"
                    "{size_mib=1048576,read_latency_ns=90,read_bandwidth_mib_s=1}]"});
  ASSERT_FALSE(outcome.ran);
  EXPECT_TRUE(contains(outcome.ran.error().text(), "QEMU failed")) << outcome.ran.error().text();
}

}  // namespace
}  // namespace tier::lab
