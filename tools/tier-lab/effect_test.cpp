#include "tools/tier-lab/effect.h"

#include <gmock/gmock.h>

#include <sstream>

#include "tools/tier-lab/report.h"

namespace tier::lab {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

// `wait`: seconds in all.
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
          {"clock", {{"kind", "waiting"}}},
          {"nodes", {{{"read_latency_ns", 80.0}}, {{"read_latency_ns", 240.0}}}},
          {"summary",
           {{"fast_share", 0.234},
            {"oracle_share", 0.924},
            {"waited_s", wait},
            {"progress", operations},
            {"progress_per_s_tool_cpu_given_back", 5e6},
            {"kept_90_percent_of_oracle_from_s", nullptr},
            {"migrated_mib", 206}}}};
}

TEST(Effect, BeginsWithWhatTheProgramGotDone) {
  const auto text = effect_text(result("none", 20, 100e6), result("tierd", 13, 130e6));
  ASSERT_TRUE(text) << text.error().text();
  EXPECT_THAT(*text, HasSubstr("100.00 million operations without tierd"));
  EXPECT_THAT(*text, HasSubstr("130.00 million with it: +30.0 %"));
  EXPECT_LT(text->find("+30.0 %"), text->find("  wait  "));
  EXPECT_THAT(*text, HasSubstr("given back it would be 150.00 million"));
  EXPECT_THAT(*text, HasSubstr("0.1000")) << "seconds waited in a million operations";
  EXPECT_THAT(*text, HasSubstr("3.0 times as long"));
}

TEST(Effect, ALossIsShownAsOne) {
  EXPECT_THAT(*effect_text(result("none", 1, 10e6), result("tierd", 1, 9e6)), HasSubstr("with it: -10.0 %"));
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
  json still = tierd;
  still["clock"]["kind"] = "instructions";
  EXPECT_THAT(effect_text(none, still).error().text(), HasSubstr("differ in clock"));
  EXPECT_THAT(effect_text(
                  [&] {
                    json first = none;
                    first["clock"] = still["clock"];
                    return first;
                  }(),
                  still)
                  .error()
                  .text(),
              HasSubstr("took no time"));
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
