// The daemon end to end: an unmodified program in a real two-tier kernel, judged by exact counts.
#include "tests/lab/lab_rig.h"
#include "tools/tier-lab/verdict.h"

namespace tier::lab {
namespace {

double mean_share(const Verdict& verdict, std::size_t from, std::size_t to) {
  double sum = 0;
  for (std::size_t i = from; i < to; ++i) sum += verdict.periods[i].fast_share;
  return sum / static_cast<double>(to - from);
}

void expect_clean_stop(const RunRecord& record) {
  ASSERT_TRUE(record.tool_stop.is_object()) << "tierd was not running at the end";
  EXPECT_EQ(record.tool_stop.at("code"), 0);
  EXPECT_LT(record.tool_stop.at("seconds").get<double>(), 1.0);
}

TEST(Tierd, ActingBringsHotMemoryIntoTheFastTier) {
  const Outcome outcome = run_scenario("smoke-2node", {"rival.tool=tierd", "run.length_s=24"});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  const Result<Verdict> verdict = judge(outcome.scenario, outcome.record);
  ASSERT_TRUE(verdict) << verdict.error().text();
  EXPECT_GT(mean_share(*verdict, 20, 24), mean_share(*verdict, 0, 2) + 0.1);
  EXPECT_GT(verdict->migrated_mib, 0);
  ASSERT_FALSE(outcome.record.collected.empty());
  EXPECT_EQ(outcome.record.collected[0].at("code"), 0) << outcome.record.collected[0].dump();
  EXPECT_FALSE(
      nlohmann::json::parse(outcome.record.collected[0].at("text").get<std::string>(), nullptr, false)
          .is_discarded());
  expect_clean_stop(outcome.record);
}

TEST(Tierd, MemoryThatTwoProcessesShareMovesAndIsCountedOnce) {
  const Outcome outcome = run_scenario("shared-2", {"rival.tool=tierd", "run.length_s=24"});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  const Result<Verdict> verdict = judge(outcome.scenario, outcome.record);
  ASSERT_TRUE(verdict) << verdict.error().text();
  EXPECT_GT(mean_share(*verdict, 20, 24), mean_share(*verdict, 0, 2) + 0.1);
  EXPECT_GT(verdict->migrated_mib, 0);
  ASSERT_FALSE(outcome.record.collected.empty());
  const auto status =
      nlohmann::json::parse(outcome.record.collected[0].at("text").get<std::string>(), nullptr, false);
  ASSERT_TRUE(status.is_object());
  EXPECT_EQ(status.at("targets"), 2);
  // 300 MiB of data, and some for programs and libraries.
  EXPECT_LT(status.at("managed_bytes").get<std::uint64_t>(), 340ULL << 20);
  expect_clean_stop(outcome.record);
}

TEST(Tierd, ObservingMovesNothing) {
  const Outcome outcome =
      run_scenario("smoke-2node", {"rival.tool=tierd", "run.length_s=5", "tierd.config.mode=\"observe\""});
  ASSERT_TRUE(outcome.ran) << outcome.ran.error().text();
  const Result<Verdict> verdict = judge(outcome.scenario, outcome.record);
  ASSERT_TRUE(verdict) << verdict.error().text();
  // The kernel's own compaction counts as migration, too: a few pages, never a region.
  EXPECT_LT(verdict->migrated_mib, 8);
  EXPECT_LE(verdict->regions_seen_up + verdict->regions_seen_down, 2U)
      << "a region whose pages lie on both nodes may look like a move";
  expect_clean_stop(outcome.record);
}

TEST(Tierd, AConfigurationItRefusesIsNamed) {
  const Outcome outcome =
      run_scenario("smoke-2node", {"rival.tool=tierd", "tierd.config={mode=\"act\",colour=\"red\"}"});
  ASSERT_FALSE(outcome.ran);
  EXPECT_NE(outcome.ran.error().text().find("tierd ended at once with code 2"), std::string::npos)
      << outcome.ran.error().text();
  EXPECT_NE(outcome.ran.error().text().find("colour"), std::string::npos) << outcome.ran.error().text();
}

}  // namespace
}  // namespace tier::lab
