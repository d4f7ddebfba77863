#include "tools/tier-sim/summary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

namespace tier::sim {
namespace {

using nlohmann::json;

json cell(const std::string& workload, double ratio, const std::string& policy, double lost, double modelled,
          const json& settings = json::object(), double moved = 0, double useful = 0) {
  return {{"key", workload + policy},
          {"experiment",
           {{"workload", workload},
            {"machine", "m"},
            {"ratio", ratio},
            {"policy", policy},
            {"settings", settings},
            {"seed", 1}}},
          {"outcome",
           {{"lost_s", lost},
            {"modelled_s", modelled},
            {"promoted_bytes", moved},
            {"demoted_bytes", 0},
            {"useful_bytes", useful}}}};
}

// tierd closes 80 % on one workload and loses on the other; the third has nothing to gain.
json results() {
  json cells = json::array();
  for (const char* workload : {"a", "b", "c"}) cells.push_back(cell(workload, 0, "none", 50, 100));
  cells.push_back(cell("a", 8, "none", 200, 250));
  cells.push_back(cell("a", 8, "static-oracle", 110, 160));
  cells.push_back(cell("a", 8, "epoch-oracle", 130, 170));
  cells.push_back(cell("a", 8, "epoch-oracle", 100, 150, {{"horizon", 4}}));
  cells.push_back(cell("a", 8, "tierd", 120, 170, json::object(), 300, 100));
  cells.push_back(cell("a", 8, "tierd", 110, 160, {{"horizon", 4}}));
  cells.push_back(cell("a", 8, "hemem", 150, 200));
  cells.push_back(cell("a", 8, "hemem", 100, 150, {{"period", 1000}}));
  cells.push_back(cell("b", 8, "none", 200, 250));
  cells.push_back(cell("b", 8, "static-oracle", 100, 150));
  cells.push_back(cell("b", 8, "tierd", 210, 260));
  cells.push_back(cell("b", 8, "hemem", 180, 230));
  cells.push_back(cell("c", 8, "none", 60, 110));
  cells.push_back(cell("c", 8, "static-oracle", 59.9, 109.9));
  cells.push_back(cell("c", 8, "tierd", 60, 110));
  return {{"schema", "tier-sim.results/1"}, {"cells", cells}};
}

const PolicySummary& of(const Table& table, const std::string& policy) {
  for (const auto& p : table.policies)
    if (p.policy == policy) return p;
  throw std::runtime_error(policy);
}

const PolicySummary& of(const Summary& summary, const std::string& policy) {
  return of(summary.tables.back(), policy);
}

json with(json cell, const std::string& key, const json& value) {
  cell["experiment"][key] = value;
  return cell;
}

std::vector<std::string> names_of(const Table& table) {
  std::vector<std::string> names;
  for (const auto& p : table.policies) names.push_back(p.policy);
  return names;
}

TEST(Summary, GapsLieBetweenNoneAndTheBestOracle) {
  const auto summary = summarise(results());
  ASSERT_TRUE(summary) << summary.error().text();
  EXPECT_EQ(summary->cases.size(), 3U);
  EXPECT_EQ(summary->cases[0].oracle_name, "epoch-oracle");
  EXPECT_DOUBLE_EQ(summary->cases[0].oracle, 100);
  EXPECT_DOUBLE_EQ(summary->cases[0].all_fast, 50);
  const PolicySummary& tierd = of(*summary, "tierd");
  EXPECT_EQ(tierd.cases, 3U);
  ASSERT_TRUE(tierd.gaps);
  EXPECT_NEAR(tierd.gaps->mean, (0.8 - 0.1) / 2, 1e-12) << "where there is nothing to gain no gap counts";
  EXPECT_NEAR(tierd.gaps->median, (0.8 - 0.1) / 2, 1e-12);
  EXPECT_NEAR(tierd.gaps->geomean, std::sqrt(0.8 * kGapFloor), 1e-12);
  EXPECT_EQ(tierd.gaps->at_floor, 1U);
  EXPECT_NEAR(tierd.gaps->worst.value, -0.1, 1e-12);
  EXPECT_EQ(tierd.gaps->worst.where, "b on m 1:8");
  EXPECT_NEAR(tierd.slowdown_worst.value, 0.04, 1e-12);
  EXPECT_DOUBLE_EQ(tierd.moved_per_useful, 3);
  json in_vain = results();
  in_vain["cells"].push_back(cell("b", 8, "damos", 220, 260, json::object(), 500, 0));
  EXPECT_TRUE(std::isinf(of(*summarise(in_vain), "damos").moved_per_useful)) << "no use at all is no zero";
}

TEST(Summary, WhatIsPooledHasTheExcludedCasesToo) {
  json cells = results();
  const auto unbounded = summarise(cells);
  ASSERT_TRUE(unbounded);
  const PolicySummary& tierd = of(*unbounded, "tierd");
  EXPECT_EQ(tierd.excluded, 1U);
  EXPECT_NEAR(tierd.lost, 120 + 210 + 60, 1e-9);
  ASSERT_TRUE(tierd.pooled);
  EXPECT_NEAR(*tierd.pooled, (460 - 390) / (460 - 259.9), 1e-12);
  EXPECT_FALSE(tierd.pooled_to_bound) << "no case says what its bound is";
  for (json& cell : cells["cells"])
    if (cell["experiment"]["policy"] == "none" && cell["experiment"]["workload"] != "c") cell["bound_s"] = 90;
  EXPECT_FALSE(of(*summarise(cells), "tierd").pooled_to_bound) << "one case is without";
  for (json& cell : cells["cells"])
    if (cell["experiment"]["policy"] == "none") cell["bound_s"] = 50;
  const auto bounded = summarise(cells);
  ASSERT_TRUE(of(*bounded, "tierd").pooled_to_bound);
  EXPECT_NEAR(*of(*bounded, "tierd").pooled_to_bound, (460.0 - 390) / (460 - 150), 1e-12);
}

// hemem loses less than tierd, but on two cases of three.
TEST(Summary, LeastLostComesFirstAmongThoseWithAllCases) {
  const auto summary = summarise(results());
  ASSERT_TRUE(summary);
  EXPECT_THAT(names_of(summary->tables.back()),
              testing::ElementsAre("static-oracle", "tierd", "none", "hemem", "epoch-oracle"));
}

TEST(Summary, EachMachineHasATableBesideTheOneOfAll) {
  json cells = results();
  EXPECT_EQ(summarise(cells)->tables.size(), 1U);
  cells["cells"].push_back(with(cell("a", 8, "none", 100, 100), "machine", "n"));
  cells["cells"].push_back(with(cell("a", 8, "static-oracle", 50, 100), "machine", "n"));
  cells["cells"].push_back(with(cell("a", 8, "tierd", 60, 100), "machine", "n"));
  const auto summary = summarise(cells);
  ASSERT_TRUE(summary);
  ASSERT_EQ(summary->tables.size(), 3U);
  EXPECT_EQ(summary->tables[0].machine, "m");
  EXPECT_EQ(summary->tables[1].machine, "n");
  EXPECT_EQ(summary->tables[2].machine, "");
  EXPECT_NEAR(of(summary->tables[0], "tierd").lost, 390, 1e-9);
  EXPECT_NEAR(*of(summary->tables[1], "tierd").pooled, 0.8, 1e-12);
  EXPECT_NEAR(of(summary->tables[2], "tierd").lost, 450, 1e-9);
  EXPECT_EQ(of(summary->tables[2], "tierd").cases, 4U);
}

// What does not sample ran once, and stands in the table of every rate.
TEST(Summary, EachSamplingRateHasItsTables) {
  json cells = json::array();
  cells.push_back(cell("a", 8, "none", 200, 100));
  cells.push_back(cell("a", 8, "static-oracle", 100, 100));
  cells.push_back(with(cell("a", 8, "tierd", 150, 100), "samples_per_second", 150));
  cells.push_back(with(cell("a", 8, "tierd", 120, 100), "samples_per_second", 1000));
  const auto summary = summarise({{"cells", cells}});
  ASSERT_TRUE(summary) << summary.error().text();
  ASSERT_EQ(summary->tables.size(), 2U);
  EXPECT_EQ(summary->tables[0].rate, 150);
  EXPECT_NEAR(*of(summary->tables[0], "tierd").pooled, 0.5, 1e-12);
  EXPECT_EQ(summary->tables[1].rate, 1000);
  EXPECT_NEAR(*of(summary->tables[1], "tierd").pooled, 0.8, 1e-12);
  for (const Table& table : summary->tables) EXPECT_EQ(of(table, "none").lost, 200);
  EXPECT_THAT(summary_table(*summary), testing::HasSubstr("150 samples a second"));
}

json with_seed(const char* policy, double lost, double modelled, int seed) {
  return with(with(cell(seed == 1 ? "a" : "a:seed=1001", 8, policy, lost, modelled), "seed", seed),
              "base_workload", "a");
}

TEST(Summary, TheMeanOverSeedsIsJudgedAndTheWorstIsOneSeeds) {
  json cells = json::array();
  for (const int seed : {1, 1001}) {
    cells.push_back(with_seed("none", seed == 1 ? 200 : 240, 100, seed));
    cells.push_back(with_seed("static-oracle", seed == 1 ? 100 : 120, 50, seed));
  }
  cells.push_back(with_seed("tierd", 110, 60, 1));
  cells.push_back(with_seed("tierd", 252, 110, 1001));
  cells.push_back(with_seed("hemem", 100, 50, 1));
  const auto summary = summarise({{"cells", cells}});
  ASSERT_TRUE(summary) << summary.error().text();
  ASSERT_EQ(summary->cases.size(), 1U) << "seeds are draws of one case";
  const PolicySummary& tierd = of(*summary, "tierd");
  EXPECT_NEAR(*tierd.pooled, (220.0 - 181) / (220 - 110), 1e-12);
  EXPECT_NEAR(tierd.gaps->mean, (220.0 - 181) / (220 - 110), 1e-12);
  EXPECT_NEAR(tierd.gaps->worst.value, -0.1, 1e-12);
  EXPECT_EQ(tierd.gaps->worst.where, "a on m 1:8, seed 1001");
  EXPECT_NEAR(tierd.slowdown_worst.value, 0.1, 1e-12);
  EXPECT_NEAR(tierd.slowdown_mean, -0.15, 1e-12);
  EXPECT_EQ(summary->cases[0].scores.count("hemem"), 0U) << "one of its seeds is missing";
  EXPECT_THAT(summary_table(*summary), testing::HasSubstr("seeds 1, 1001"));
}

TEST(Summary, SweepsGiveTheDistanceToTheBestSetting) {
  const auto summary = summarise(results());
  ASSERT_TRUE(summary);
  const PolicySummary& hemem = of(*summary, "hemem");
  ASSERT_TRUE(hemem.to_tuned);
  EXPECT_NEAR(*hemem.to_tuned, 0.5, 1e-12) << "only where the sweep ran";
  EXPECT_NEAR(*hemem.tierd_to_tuned, 0.2, 1e-12);
  EXPECT_NEAR(*of(*summary, "tierd").to_tuned, 120.0 / 110 - 1, 1e-12);
}

TEST(Summary, FailedCellsAreNamedAndBaselinesAreAsked) {
  json with_error = results();
  with_error["cells"].push_back({{"key", "broken cell"}, {"error", "no such trace"}});
  const auto summary = summarise(with_error);
  ASSERT_TRUE(summary);
  EXPECT_THAT(summary->failed, testing::ElementsAre(testing::HasSubstr("no such trace")));
  EXPECT_THAT(summary_table(*summary), testing::HasSubstr("no such trace"));

  const json no_oracle = {{"cells", {cell("a", 8, "none", 1, 1), cell("a", 8, "tierd", 1, 1)}}};
  ASSERT_FALSE(summarise(no_oracle).has_value());
  EXPECT_FALSE(summarise(json::object()).has_value());
  EXPECT_FALSE(summarise({{"cells", {{{"key", "x"}, {"outcome", 3}}}}}).has_value());
}

TEST(Summary, TablesAndJsonSayTheSame) {
  const auto summary = summarise(results());
  ASSERT_TRUE(summary);
  const json view = to_json(*summary);
  EXPECT_NEAR(view.at("cases").at(0).at("scores").at("tierd").at("gap_closed").get<double>(), 0.8, 1e-12);
  EXPECT_TRUE(view.at("cases").at(2).at("scores").at("tierd").at("gap_closed").is_null());
  EXPECT_THAT(summary_table(*summary), testing::HasSubstr("tierd"));
  EXPECT_THAT(case_table(*summary), testing::HasSubstr("a on m 1:8: lost 50.0 s all fast"));
  json noted = results();
  noted["notes"] = {"no trace in corpus"};
  EXPECT_THAT(summary_table(*summarise(noted)), testing::HasSubstr("left out: no trace in corpus"));
  const json& table = view.at("tables").at(0);
  EXPECT_TRUE(table.at("machine").is_null());
  for (const json& row : table.at("policies"))
    if (row.at("policy") == "tierd") {
      EXPECT_EQ(row.at("gaps").at("at_floor"), 1);
      EXPECT_NEAR(row.at("lost_s").get<double>(), 390, 1e-9);
    }
}

}  // namespace
}  // namespace tier::sim
