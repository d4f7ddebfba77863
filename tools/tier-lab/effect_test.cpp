#include "tools/tier-lab/effect.h"

#include <gmock/gmock.h>

#include <sstream>

#include "tools/tier-lab/report.h"

namespace tier::lab {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

json result(const std::string& tool, double wait, double operations) {
  return {{"schema", kResultSchema},
          {"mode", "measure"},
          {"scenario", "s"},
          {"description", "a program"},
          {"kernel", "6.12"},
          {"tool", tool},
          {"seed", 1},
          {"fast_node", 0},
          {"length_s", 30.0},
          {"nodes", {{{"read_latency_ns", 80.0}}, {{"read_latency_ns", 240.0}}}},
          {"summary",
           {{"fast_share", 0.234},
            {"oracle_share", 0.924},
            {"stall_per_million_ops_s", wait},
            {"progress", operations},
            {"kept_90_percent_of_oracle_from_s", nullptr},
            {"migrated_mib", 206}}}};
}

TEST(Effect, BeginsWithWhatTheProgramWaited) {
  const auto text = effect_text(result("none", 0.2, 100e6), result("tierd", 0.1, 90e6));
  ASSERT_TRUE(text);
  EXPECT_LT(text->find("waited 0.200 s for memory without tierd"), text->find("  wait  "));
  EXPECT_THAT(*text, HasSubstr("0.100 s with it: 50 % less."));
  EXPECT_THAT(*text, HasSubstr("own work took from the program here (-10.0 %)"));
  EXPECT_THAT(*text, HasSubstr("3.0 times as long"));
}

TEST(Effect, BeginsWithOperationsWhereWaitingTakesTime) {
  json none = result("none", 0.2, 100e6), tierd = result("tierd", 0.1, 130e6);
  for (json* one : {&none, &tierd}) {
    (*one)["clock"] = {{"kind", "waiting"}};
    (*one)["summary"]["waited_s"] = 13;
    (*one)["summary"]["progress_per_s_tool_cpu_given_back"] = 5e6;
  }
  const auto text = effect_text(none, tierd);
  ASSERT_TRUE(text) << text.error().text();
  EXPECT_THAT(*text, HasSubstr("100.00 million operations without tierd"));
  EXPECT_THAT(*text, HasSubstr("130.00 million with it: +30.0 %"));
  EXPECT_THAT(*text, HasSubstr("given back it would be 150.00 million"));
  EXPECT_THAT(*text, HasSubstr("0.1300")) << "seconds waited in a million operations";
  EXPECT_THAT(*text, Not(HasSubstr("twentieth")));
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_THAT(effect_text(result("none", 0.2, 1e6), tierd).error().text(), HasSubstr("differ in clock"));
}

TEST(Effect, ALossIsCalledMore) {
  EXPECT_THAT(*effect_text(result("none", 0.1, 1e6), result("tierd", 0.11, 1e6)), HasSubstr("10 % more."));
  EXPECT_THAT(*effect_text(result("none", 0.1, 1e6), result("tierd", 0.1, 1e6)),
              HasSubstr("it: no difference."));
}

// Each word of the table's head has a line before the table, in its order. All fits into a terminal.
TEST(Effect, EveryColumnIsExplainedFirst) {
  const std::string text = *effect_text(result("none", 0.2, 100e6), result("tierd", 0.1, 90e6));
  std::size_t at = 0;
  for (const char* column : {"wait", "fast", "best", "kept from", "moved", "operations"}) {
    const std::size_t explained = text.find("\n  " + std::string(column) + "  ", at);
    ASSERT_NE(explained, std::string::npos) << column;
    at = explained;
    EXPECT_NE(text.find(column, text.find("\n\n", at)), std::string::npos) << column;
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST(Effect, RefusesWhatCannotBeCompared) {
  const json none = result("none", 0.2, 1e6), tierd = result("tierd", 0.1, 1e6);
  EXPECT_THAT(effect_text(tierd, none).error().text(), HasSubstr("--tool none"));
  json other = tierd;
  other["seed"] = 2;
  EXPECT_THAT(effect_text(none, other).error().text(), HasSubstr("differ in seed: 1 and 2"));
  EXPECT_THAT(effect_text(none, result("tierd", 0, 0)).error().text(), HasSubstr("tier-lab compare"));
}

TEST(Live, SaysHowFarTheProgramIsAndWhoAnswers) {
  Scenario scenario;
  scenario.topology.nodes.resize(2);
  scenario.topology.nodes[0].read_latency_ns = 80;
  scenario.topology.nodes[1].read_latency_ns = 240;
  scenario.length_s = 30;
  RunRecord record;
  EXPECT_EQ(live_text(scenario, record), "");
  const auto tick = [](const char* progress) {
    return json{{"progress", progress}, {"maps", json::array({json::array({0x200000, 0x400000})})}};
  };
  record.ticks = {tick("1000000"), tick("3500000")};
  // The second region is not the program's.
  record.periods.push_back({{}, {{1, {750, 250}, {}}, {100, {0, 9000}, {}}}});
  EXPECT_EQ(live_text(scenario, record),
            "second 1 of 30: 2.5 million operations; the fast memory answers 75 % of the misses");
  record.ticks = {tick(""), tick("")};
  EXPECT_EQ(live_text(scenario, record), "second 1 of 30: the fast memory answers 75 % of the misses");
}

}  // namespace
}  // namespace tier::lab
