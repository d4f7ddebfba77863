// Pages that move_pages(2) does not tell of: pinned beside others, marked by NUMA balancing.
#include "tests/lab/lab_rig.h"

namespace tier::lab {
namespace {

class Pages : public ::testing::TestWithParam<const char*> {};

TEST_P(Pages, HoldTheContract) {
  const Outcome outcome = run_scenario("pages-2node", {std::string("run.kernel=\"") + GetParam() + "\""});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  const std::string text = all_lines(outcome.record);
  ASSERT_EQ(outcome.record.exits.size(), 1U);
  EXPECT_EQ(outcome.record.exits[0]["code"], 0) << text;
  EXPECT_NE(text.find("OK ] Machines/Contract.PinnedPagesKeepEveryStatusUnwrittenAndTheOthersMove/linux"),
            std::string::npos)
      << text;
  // Of the kernels here 6.1 alone hides marked pages.
  const bool hides = std::string(GetParam()) == "6.1";
  EXPECT_EQ(
      text.find("OK ] Machines/Contract.MarkedMemoryIsMovedByTheMigratorAlone/linux") != std::string::npos,
      hides)
      << text;
}

INSTANTIATE_TEST_SUITE_P(Every, Pages, ::testing::Values("6.1", "6.12", "7.2"));

// NUMA balancing marks what lies idle, as its scans come by; whatever it has marked must move like everything
// else. How many pages are marked when tierd moves them is chance: the contract above marks them all.
TEST(MarkedPages, TierdMovesThemBothWays) {
  const Outcome outcome = run_scenario("marked-2node", {"rival.tool=tierd"});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  ASSERT_FALSE(outcome.record.collected.empty());
  const auto status = nlohmann::json::parse(outcome.record.collected[0].at("text").get<std::string>());
  EXPECT_GT(status["migrator"]["demoted_bytes"].get<long>(), 16L << 20) << status.dump();
  EXPECT_GT(status["migrator"]["promoted_bytes"].get<long>(), 16L << 20) << status.dump();
  EXPECT_EQ(status["pages"]["marked"].get<long>(), 0) << status.dump();
  const std::string doctor = outcome.record.collected[2].at("text").get<std::string>();
  EXPECT_NE(doctor.find("pages marked by NUMA balancing"), std::string::npos) << doctor;
}

}  // namespace
}  // namespace tier::lab
