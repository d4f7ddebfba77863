#include "tools/tier-sim/picture.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <set>

#include "tools/tier-sim/gnuplot.h"
#include "tools/tier-sim/plot.h"

namespace tier::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// `policies` rivals beside tierd, an oracle and none, on one workload or two with names that end alike.
Summary summary_of(std::size_t policies, const std::vector<double>& ratios, double modelled = 100) {
  Summary summary;
  summary.tables.emplace_back();
  std::vector<std::string> names = {"none", "epoch-oracle", "tierd"};
  for (std::size_t i = 0; i < policies; ++i) names.push_back(fmt::format("rival-{}", i));
  for (const char* workload : {"trace:one/kv.trace", "trace:two/kv.trace"}) {
    for (const double ratio : ratios) {
      Case of;
      of.workload = workload, of.machine = "m", of.ratio = ratio, of.all_fast = 100;
      for (std::size_t i = 0; i < names.size(); ++i) {
        Score& score = of.scores[names[i]];
        score.lost = 120 + static_cast<double>(i), score.modelled = modelled, score.gap = 0.5;
      }
      summary.cases.push_back(of);
    }
  }
  for (const std::string& name : names) {
    PolicySummary policy;
    policy.policy = name, policy.oracle = name == "epoch-oracle";
    summary.tables.front().policies.push_back(policy);
  }
  return summary;
}

std::multiset<std::string> found(const std::string& text, const std::string& pattern) {
  const std::regex expression(pattern);
  std::multiset<std::string> all;
  for (auto it = std::sregex_iterator(text.begin(), text.end(), expression); it != std::sregex_iterator();
       ++it)
    all.insert((*it)[1]);
  return all;
}

TEST(Colours, NoTwoAreAlike) {
  const auto colours = distinct_colours(40);
  EXPECT_EQ(std::set<std::string>(colours.begin(), colours.end()).size(), 40U);
}

TEST(Labels, SpreadKeepsOrderAndDistance) {
  const std::vector<double> wanted = {5, 5.1, 1, 5.2, 9};
  const auto at = spread_labels(wanted, 1);
  EXPECT_DOUBLE_EQ(at[2], 1);
  EXPECT_DOUBLE_EQ(at[4], 9);
  EXPECT_NEAR(at[1] - at[0], 1, 1e-9);
  EXPECT_NEAR(at[3] - at[1], 1, 1e-9);
  EXPECT_NEAR(at[1], 5.1, 1e-9) << "the block lies where its labels lie on average";
}

TEST(Labels, EqualNamesAreNumbered) {
  EXPECT_THAT(told_apart({"a", "b", "a"}), ElementsAre("a #1", "b", "a #2"));
}

TEST(Labels, RowsAreNamedByProcessAndAddress) {
  std::vector<RegionName> names;
  for (std::size_t i = 0; i < 10; ++i) names.push_back({"redis", 0x10000000 + i * 0x200000});
  for (std::size_t i = 0; i < 10; ++i) names.push_back({"redis", 0x7f0000000000 + i * 0x200000});
  for (std::size_t i = 0; i < 10; ++i) names.push_back({"sort", 0x10000000 + i * 0x200000});
  const auto labels = row_labels(names, 0x200000, 6);
  std::vector<std::string> texts;
  texts.reserve(labels.size());
  for (const RowLabel& label : labels) texts.push_back(fmt::format("{} {}", label.at, label.text));
  EXPECT_THAT(texts,
              ElementsAre("0 redis 0x10000000", "10 0x7f0000000000", "20 sort 0x10000000", "26 0x10c00000"));
  for (const auto& label : row_labels(names, 0x200000, 1)) EXPECT_EQ(names[label.at].target.empty(), false);
}

// One that has no room at its first region is named at its next.
TEST(Labels, EveryProcessWithRoomIsNamed) {
  std::vector<RegionName> names = {{"a", 0x200000}};
  for (std::size_t i = 0; i < 20; ++i) names.push_back({"b", 0x400000 + i * 0x200000});
  const auto labels = row_labels(names, 0x200000, 5);
  ASSERT_GT(labels.size(), 1U);
  EXPECT_EQ(labels[1].text.substr(0, 4), "b 0x");
}

TEST(Costs, OneRatioHasABarAndANameForEachPolicy) {
  const auto script = costs_script(summary_of(15, {8}), "costs.svg");
  ASSERT_TRUE(script);
  for (int i = 0; i < 15; ++i) EXPECT_THAT(*script, HasSubstr(fmt::format("\"rival-{}\" ", i)));
  EXPECT_THAT(*script, HasSubstr("boxxyerror"));
  EXPECT_THAT(*script, HasSubstr("1:8"));
  EXPECT_THAT(*script, HasSubstr("set xlabel"));
}

TEST(Costs, SeveralRatiosHaveAColourAndALabelForEachPolicy) {
  const auto script = costs_script(summary_of(20, {2, 8}), "costs.svg");
  ASSERT_TRUE(script);
  const auto colours = found(*script, "linespoints lc rgb '(#[0-9a-f]{6})'");
  EXPECT_EQ(colours.size(), 23U);
  EXPECT_EQ(std::set<std::string>(colours.begin(), colours.end()).size(), 23U);
  const auto places = found(*script, "first ([0-9.]+) left");
  EXPECT_EQ(std::set<std::string>(places.begin(), places.end()).size(), 23U);
}

TEST(Gaps, RowsOfEqualNamesAreToldApart) {
  const auto script = gaps_script(summary_of(2, {8}), "gaps.svg");
  ASSERT_TRUE(script);
  EXPECT_THAT(*script, HasSubstr("one/kv.trace, m, 1:8\""));
  EXPECT_THAT(*script, HasSubstr("two/kv.trace, m, 1:8\""));
}

TEST(Gaps, ARecordingTooShortToJudgeIsCalledSo) {
  EXPECT_THAT(*gaps_script(summary_of(2, {8}, 6), "gaps.svg"), HasSubstr("(6 s: too short to judge)"));
  EXPECT_THAT(*gaps_script(summary_of(2, {8}), "gaps.svg"), Not(HasSubstr("too short")));
}

TEST(Heat, NamesRowsAndTellsThatItIsShort) {
  HeatGrid grid;
  grid.regions = 4, grid.region_size = 0x200000, grid.rows = 4;
  for (std::size_t i = 0; i < 4; ++i) grid.names.push_back({"re\"dis`touch x`", 0x200000 * (i + 1)});
  EXPECT_FALSE(heat_script(grid, "w | m", "heat.svg").has_value()) << "no column";
  grid.demand.assign(3, std::vector<float>(4, 1.0F)), grid.fast = grid.demand;
  const auto script = heat_script(grid, "w | m", "heat.svg");
  ASSERT_TRUE(script);
  EXPECT_THAT(*script, HasSubstr("\"re\\\"dis'touch x' 0x200000\" 0"));
  EXPECT_THAT(*script, HasSubstr("set xlabel 'seconds of modelled time'"));
  EXPECT_THAT(*script, HasSubstr("too short to judge"));
}

TEST(Gnuplot, TextIsNeverACommand) { EXPECT_EQ(gnuplot_text("a`id`\n\"\x1b\\"), "\"a'id'\\n\\\"?\\\\\""); }

}  // namespace
}  // namespace tier::sim
