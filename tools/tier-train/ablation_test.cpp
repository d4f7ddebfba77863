#include "tools/tier-train/ablation.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tools/tier-train/fit_fixture.h"
#include "tools/tier-train/results_folder.h"

namespace tier::sim {
namespace {

AblationRun run_of(const std::string& variant, std::uint64_t seed, std::vector<std::vector<Hits>> hits) {
  AblationRun run{variant, seed, 1, {}};
  for (std::size_t i = 0; i < hits.size(); ++i)
    run.by_case.push_back({"workload " + std::to_string(i), "family", std::move(hits[i])});
  return run;
}

TEST(Ablation, SummaryIsOfSeedsAndNamesTheWorst) {
  const Hits low = {0.4, 0.4, 0.4}, middle = {0.6, 0.6, 0.6}, high = {0.8, 0.8, 0.8};
  const auto summaries = summarise({run_of("full", 1, {{high, high}, {low, middle}}),
                                    run_of("full", 2, {{high, high}, {high, middle}}),
                                    run_of(kSwitchRun, 0, {{middle}, {high}})});
  ASSERT_EQ(summaries.size(), 2U);
  const auto& network = summaries[0].parts[0];
  EXPECT_DOUBLE_EQ(network.mean[0], 0.7);  // of 0.6 and 0.8
  EXPECT_NEAR(network.error[0], 0.1, 1e-12);
  EXPECT_NEAR(network.worst, -0.2, 1e-12);  // 0.6 over the seeds against 0.8
  EXPECT_EQ(network.worst_workload, "workload 1");
  EXPECT_NEAR(summaries[0].parts[1].error[0], 0, 1e-12);
  const std::string table = ablation_table(summaries);
  EXPECT_NE(table.find("workload 1"), std::string::npos);
  EXPECT_EQ(to_json(summaries).at("variants").size(), 2U);
}

TEST(Ablation, TrainsEveryVariantOnceAndFindsItAgain) {
  TemporaryFolder folder;
  AblationSettings settings{tiny_fit(), 1, folder.path()};
  settings.fit.training.steps = 4;
  const auto first = ablate(settings);
  ASSERT_TRUE(first) << first.error().text();
  ASSERT_EQ(first->size(), variant_table().size() + 1);
  for (const AblationRun& run : *first) EXPECT_FALSE(run.by_case.empty()) << run.variant;
  // One that is gone is done again, one that is there is not.
  std::filesystem::remove(folder.path() / "full-seed1.json");
  const auto kept = folder.path() / "no-context-seed1.json";
  {
    auto changed = *ResultsFolder::open(folder.path(),
                                        nlohmann::json::parse(std::ifstream(folder.path() / "settings.json")))
                        ->read("no-context-seed1");
    changed["held_back"] = 77;
    std::ofstream(kept) << changed;
  }
  const auto second = ablate(settings);
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_DOUBLE_EQ((*second)[0].held_back, (*first)[0].held_back);
  EXPECT_EQ((*second)[2].variant, "no-context");
  EXPECT_DOUBLE_EQ((*second)[2].held_back, 77);
  settings.fit.training.steps = 5;
  const auto other = ablate(settings);
  ASSERT_FALSE(other) << "results of other settings";
  EXPECT_EQ(other.error().kind, ErrorKind::kUsage);
}

TEST(ResultsFolder, TakesWhatIsNoJsonForMissing) {
  TemporaryFolder temporary;
  const auto folder = ResultsFolder::open(temporary.path() / "new", {{"a", 1}});
  ASSERT_TRUE(folder);
  EXPECT_TRUE(folder->fresh());
  ASSERT_TRUE(folder->write("one", {{"x", 0.1}}));
  EXPECT_EQ(folder->read("one")->at("x").get<double>(), 0.1);
  std::ofstream(folder->path() / "two.json") << "{\"x\":";
  EXPECT_FALSE(folder->read("two"));
  EXPECT_FALSE(folder->read("three"));
  EXPECT_FALSE(ResultsFolder::open(folder->path(), {{"a", 1}})->fresh());
  std::ofstream(folder->path() / "settings.json") << "?";
  EXPECT_FALSE(ResultsFolder::open(folder->path(), {{"a", 1}}).has_value())
      << "settings that cannot be read are others";
}

}  // namespace
}  // namespace tier::sim
