#include "tools/tier-lab/report.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace tier::lab {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

// A run on the waiting clock.
json result(const std::string& tool, double operations_per_s) {
  return {{"schema", kResultSchema},
          {"mode", "measure"},
          {"scenario", "s"},
          {"kernel", "6.12"},
          {"tool", tool},
          {"fast_node", 0},
          {"period_s", 1.0},
          {"length_s", 2.0},
          {"clock", {{"kind", "waiting"}}},
          {"summary",
           {{"fast_share", 0.5},
            {"oracle_share", 0.9},
            {"static_oracle_share", 0.8},
            {"of_oracle", 0.55},
            {"stall_s", 2.0},
            {"all_fast_stall_s", 1.0},
            {"oracle_stall_s", 1.2},
            {"kernel_stall_s", 0.1},
            {"stall_per_million_misses_ms", 200.0},
            {"stall_per_million_ops_s", 0.2},
            {"progress", 2 * operations_per_s},
            {"progress_per_s", operations_per_s},
            {"progress_per_s_tool_cpu_given_back", 1.1 * operations_per_s},
            {"oracle_progress_per_s", 9e6},
            {"waited_s", 1.25},
            {"kernel_waited_s", 0.5},
            {"misses", 10'000'000},
            {"reached_90_percent_of_oracle_s", nullptr},
            {"kept_90_percent_of_oracle_from_s", 7.0},
            {"moved_up_mib", 10},
            {"moved_down_mib", nullptr},
            {"migrated_mib", 20},
            {"regions_seen_up", 1},
            {"regions_seen_down", 2},
            {"tool_cpu_s_per_s", 0.01}}},
          {"heat",
           {{{"address", 0x200000}, {"misses", {0, 5}}, {"node", {-1, 0}}},
            {{"address", 0x400000}, {"misses", {1000000, 1000000}}, {"node", {1, 0}}}}}};
}

TEST(ResultTable, SaysNeverWhereTheOracleWasNotReached) {
  const std::string table = result_table(result("none", 4e6));
  EXPECT_THAT(table, HasSubstr("50.0 %"));
  EXPECT_THAT(table, HasSubstr("never"));
  EXPECT_THAT(table, HasSubstr("7 s"));
  EXPECT_THAT(table, HasSubstr("10 / ?"));
}

TEST(ResultTable, BeginsWithWhatTheProgramFeltWhereWaitingTakesTime) {
  json felt = result("tierd", 5e6);
  const std::string table = result_table(felt);
  EXPECT_THAT(table, HasSubstr("5.500"));
  EXPECT_THAT(table, HasSubstr("9.000"));
  EXPECT_THAT(table, HasSubstr("1.25"));
  EXPECT_LT(table.find("5.000"), table.find("served by the fast tier"));
  felt["clock"]["kind"] = "instructions";
  EXPECT_THAT(result_table(felt), ::testing::Not(HasSubstr("given back")));
}

TEST(ResultTable, ShowsWhatAClientMeasured) {
  json measured = result("tierd", 5e6);
  EXPECT_THAT(result_table(measured), ::testing::Not(HasSubstr("client"))) << "nobody measured";
  measured["summary"]["client_latency_us"] = {{"p50", 120.4}, {"p99", 841.0}, {"p999", 2300.0}};
  EXPECT_THAT(result_table(measured), HasSubstr("120, 841, 2300"));
}

TEST(CompareTable, JudgesByTheProgramsOwnSpeed) {
  const std::string table = compare_table({result("none", 4e6), result("tierd", 5e6)});
  EXPECT_THAT(table, HasSubstr("+25.0%"));
  EXPECT_THAT(table, HasSubstr("5.500")) << "with the tool's CPU time given back";
  EXPECT_THAT(compare_table({result("tierd", 5e6)}), ::testing::Not(HasSubstr("+25.0%")));
}

TEST(HeatMap, ShowsWhoServedInLettersAndColours) {
  const std::string letters = heat_map(result("none", 4e6), 10, false);
  EXPECT_THAT(letters, HasSubstr("200000  .\n"));
  EXPECT_THAT(letters, HasSubstr("400000 g@\n"));
  EXPECT_THAT(heat_map(result("none", 4e6), 10, true), HasSubstr("\x1b[48;5;45m \x1b[48;5;220m \x1b[0m\n"));
  EXPECT_THAT(heat_map(result("none", 4e6), 1, false), ::testing::Not(HasSubstr("200000 ")));
}

TEST(LoadResult, RefusesWhatIsNotOne) {
  char name[] = "/tmp/tier-lab-report-XXXXXX";
  close(mkstemp(name));
  for (const char* text : {"", "{}", "[]", R"({"schema":"other/1"})"}) {
    std::ofstream(name) << text;
    EXPECT_FALSE(load_result(name).has_value()) << text;
  }
  std::ofstream(name) << result("none", 4e6).dump();
  EXPECT_TRUE(load_result(name));
  unlink(name);
  EXPECT_FALSE(load_result(name).has_value());
}

TEST(LoadResult, TakesTheFolderOfARunToo) {
  char folder[] = "/tmp/tier-lab-report-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  EXPECT_FALSE(load_result(folder).has_value());
  std::ofstream(std::string(folder) + "/result.json") << result("none", 4e6).dump();
  EXPECT_TRUE(load_result(folder));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace tier::lab
