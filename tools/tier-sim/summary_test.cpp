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

const PolicySummary& of(const Summary& summary, const std::string& policy) {
  for (const auto& p : summary.policies)
    if (p.policy == policy) return p;
  throw std::runtime_error(policy);
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
  EXPECT_NEAR(tierd.gap_mean, (0.8 - 0.1) / 2, 1e-12) << "where there is nothing to gain no gap counts";
  EXPECT_NEAR(tierd.gap_geomean, std::sqrt(0.8 * 0.01), 1e-12);
  EXPECT_NEAR(tierd.gap_worst.value, -0.1, 1e-12);
  EXPECT_EQ(tierd.gap_worst.where, "b on m 1:8");
  EXPECT_NEAR(tierd.slowdown_worst.value, 0.04, 1e-12);
  EXPECT_DOUBLE_EQ(tierd.moved_per_useful, 3);
  json in_vain = results();
  in_vain["cells"].push_back(cell("b", 8, "damos", 220, 260, json::object(), 500, 0));
  EXPECT_TRUE(std::isinf(of(*summarise(in_vain), "damos").moved_per_useful)) << "no use at all is no zero";
  EXPECT_EQ(summary->policies.back().policy, "none");
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
}

}  // namespace
}  // namespace tier::sim
