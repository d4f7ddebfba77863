// Our BPF programs against three real kernels, and DAMON where taking it over harms nobody.
#include "tests/lab/lab_rig.h"

namespace tier::lab {
namespace {

class Verifier : public ::testing::TestWithParam<const char*> {};

TEST_P(Verifier, AcceptsEveryProgram) {
  const Outcome outcome = run_scenario("bpf-verify", {std::string("run.kernel=\"") + GetParam() + "\""});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  ASSERT_EQ(outcome.record.exits.size(), 1U);
  EXPECT_EQ(outcome.record.exits[0]["code"], 0) << all_lines(outcome.record);
  for (const char* program :
       {"OK       stall/on_tick", "OK       processes/on_look", "OK       processes/on_end"})
    EXPECT_NE(all_lines(outcome.record).find(program), std::string::npos) << all_lines(outcome.record);
}

INSTANTIATE_TEST_SUITE_P(Every, Verifier, ::testing::Values("6.1", "6.12", "7.2"));

// The unit's capabilities where the kernel refuses perf events as Debian's does by default, and containers.
class Confined : public ::testing::TestWithParam<const char*> {};

TEST_P(Confined, SamplesWithTheUnitsRightsAndInContainers) {
  const Outcome outcome =
      run_scenario("bpf-verify", {std::string("run.kernel=\"") + GetParam() + "\"",
                                  "image.binaries=[\"confined_native_test\"]",
                                  "workload.commands=[[\"sh\",\"-c\",\"echo 3 > "
                                  "/proc/sys/kernel/perf_event_paranoid && confined_native_test\"]]"});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  ASSERT_EQ(outcome.record.exits.size(), 1U);
  EXPECT_EQ(outcome.record.exits[0]["code"], 0) << all_lines(outcome.record);
  EXPECT_EQ(all_lines(outcome.record).find("SKIPPED"), std::string::npos) << all_lines(outcome.record);
}

INSTANTIATE_TEST_SUITE_P(OldestAndNewest, Confined, ::testing::Values("6.1", "7.2"));

// Watching processes: what happens to them on the oldest and the newest kernel. Two thousand of them are too
// many for an emulated CPU.
class Watch : public ::testing::TestWithParam<const char*> {};

TEST_P(Watch, SeesWhatHappensToProcesses) {
  const Outcome outcome = run_scenario(
      "bpf-verify",
      {std::string("run.kernel=\"") + GetParam() + "\"",
       "image.binaries=[\"process_watch_native_test\",\"process_watch_contract_test\"]",
       "workload.commands=[[\"sh\",\"-c\",\"process_watch_native_test --gtest_filter=-*IdleProcesses* && "
       "process_watch_contract_test\"]]"});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  ASSERT_EQ(outcome.record.exits.size(), 1U);
  EXPECT_EQ(outcome.record.exits[0]["code"], 0) << all_lines(outcome.record);
}

INSTANTIATE_TEST_SUITE_P(OldestAndNewest, Watch, ::testing::Values("6.1", "7.2"));

// The iterators over mappings behave a little differently on each kernel.
class Mappings : public ::testing::TestWithParam<const char*> {};

TEST_P(Mappings, AreReadWithoutAPageWalk) {
  const Outcome outcome = run_scenario("bpf-verify", {std::string("run.kernel=\"") + GetParam() + "\"",
                                                      "image.binaries=[\"mappings_native_test\"]",
                                                      "workload.commands=[[\"mappings_native_test\"]]"});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  ASSERT_EQ(outcome.record.exits.size(), 1U);
  EXPECT_EQ(outcome.record.exits[0]["code"], 0) << all_lines(outcome.record);
  EXPECT_EQ(all_lines(outcome.record).find("SKIPPED"), std::string::npos) << all_lines(outcome.record);
}

INSTANTIATE_TEST_SUITE_P(Every, Mappings, ::testing::Values("6.1", "6.12", "7.2"));

TEST(Damon, TellsHotSpansFromColdInAGuest) {
  const Outcome outcome = run_scenario(
      "bpf-verify", {"image.binaries=[\"damon_guest_test\"]",
                     "workload.commands=[[\"sh\",\"-c\",\"TIER_DAMON_ALLOWED=1 damon_guest_test\"]]"});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  ASSERT_EQ(outcome.record.exits.size(), 1U);
  EXPECT_EQ(outcome.record.exits[0]["code"], 0) << all_lines(outcome.record);
  EXPECT_EQ(all_lines(outcome.record).find("SKIPPED"), std::string::npos) << all_lines(outcome.record);
}

}  // namespace
}  // namespace tier::lab
