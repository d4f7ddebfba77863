#include "tools/tier-train/search.h"

#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <set>

#include "predictor/network/features.h"
#include "tools/tier-train/fit_fixture.h"
#include "tools/tier-train/search_json.h"

namespace tier::sim {
namespace {

SearchSettings small_search(const std::filesystem::path& folder) {
  SearchSettings settings;
  settings.fit = tiny_fit();
  settings.fit.recipes.per_generator = 1;
  settings.rungs = {{3, 2}, {1, 3}};
  settings.generations = 2;
  settings.most_microseconds = 0;
  settings.folder = folder;
  return settings;
}

// A candidate's loss follows from its name: the search itself, without any training.
Work work_without_training(std::atomic<int>& jobs) {
  return [&jobs](const std::string& text) {
    ++jobs;
    const auto job = search_job_from(text);
    SearchResult result{job->candidate, job->steps, {}, {}, 0.1 * job->candidate.channels, 0};
    if (job->candidate.blocks == 4) {
      result.error = "too dear";
    } else {
      result.loss = 1.0 / (job->candidate.blocks + 1) + 1e-3 * job->candidate.rank;
    }
    return to_json(result).dump();
  };
}

std::map<std::string, std::optional<double>> losses(const std::vector<SearchResult>& results) {
  std::map<std::string, std::optional<double>> map;
  for (const SearchResult& of : results) map[SearchJob{of.candidate, of.steps}.name()] = of.loss;
  return map;
}

TEST(FeatureGroups, HoldEveryFeatureOnce) {
  std::uint64_t all = 0;
  for (const FeatureGroup& group : feature_groups()) {
    EXPECT_NE(group.features, 0U) << group.name;
    EXPECT_EQ(all & group.features, 0U) << group.name;
    all |= group.features;
  }
  EXPECT_EQ(all, (std::uint64_t{1} << kFeatures) - 1);
  EXPECT_EQ(usual_candidate().seen_features(), all);
}

TEST(Candidate, ComesBackFromJson) {
  std::mt19937_64 random(3);
  std::set<std::string> keys;
  for (int i = 0; i < 50; ++i) {
    const Candidate drawn = draw_candidate(random), mutant = mutate(drawn, random);
    EXPECT_FALSE(drawn == mutant);
    EXPECT_TRUE(mutant.shape().check());
    const auto back = candidate_from(to_json(mutant));
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, mutant);
    keys.insert(drawn.key());
  }
  EXPECT_GT(keys.size(), 30U);
  auto json = to_json(usual_candidate());
  json["channels"] = 9;
  EXPECT_FALSE(candidate_from(json).has_value());
  json = to_json(usual_candidate());
  json["groups"].push_back("colour");
  EXPECT_FALSE(candidate_from(json).has_value());
  EXPECT_FALSE(candidate_from(nlohmann::json::array()).has_value());
}

TEST(Search, KeepsTheBestOfEveryRungAndTriesTheirMutants) {
  TemporaryFolder folder;
  std::atomic<int> jobs{0};
  SearchSettings settings = small_search(folder.path());
  settings.rungs = {{12, 10}, {4, 20}, {1, 40}};
  settings.generations = 3;
  const auto workers = make_thread_workers(work_without_training(jobs), 3);
  const auto results = search(settings, *workers);
  ASSERT_TRUE(results) << results.error().text();
  EXPECT_EQ(static_cast<std::size_t>(jobs), results->size()) << "nothing is done twice";
  std::map<std::size_t, int> by_steps;
  double best = 1e9, best_of_all = 1e9;
  for (const SearchResult& of : *results) {
    ++by_steps[of.steps];
    if (!of.loss) continue;
    best_of_all = std::min(best_of_all, *of.loss);
    if (of.steps == 40) best = std::min(best, *of.loss);
  }
  EXPECT_GT(by_steps[10], 12) << "later generations try others";
  EXPECT_LE(by_steps[40], 3);
  EXPECT_DOUBLE_EQ(best, best_of_all);
}

TEST(Search, GoesOnWhereItWasCutOff) {
  TemporaryFolder one, other;
  std::atomic<int> jobs{0}, again{0};
  const auto workers = make_thread_workers(work_without_training(jobs), 2);
  SearchSettings settings = small_search(one.path());
  const auto whole = search(settings, *workers);
  ASSERT_TRUE(whole);
  EXPECT_EQ(search(settings, *workers).error().kind, ErrorKind::kUsage) << "not without being asked to";
  // Cut off in the middle: some results are there, one of them is damaged.
  settings.folder = other.path();
  std::filesystem::copy(one.path(), other.path());
  const auto name = [&](std::size_t i) {
    return SearchJob{(*whole)[i].candidate, (*whole)[i].steps}.name() + ".json";
  };
  std::filesystem::remove(other.path() / name(0));
  std::ofstream(other.path() / name(1)) << "{";
  settings.resume = true;
  const auto some = make_thread_workers(work_without_training(again), 2);
  const auto resumed = search(settings, *some);
  ASSERT_TRUE(resumed);
  EXPECT_EQ(losses(*resumed), losses(*whole));
  const auto refused = static_cast<int>(
      std::count_if(whole->begin(), whole->end(), [](const SearchResult& of) { return !of.loss; }));
  EXPECT_GE(again, 2);
  EXPECT_LE(again, 2 + refused) << "only what was not there, and what another limit may allow";
  settings.fit.training.rate *= 2;
  EXPECT_EQ(search(settings, *workers).error().kind, ErrorKind::kUsage) << "results of other settings";
}

TEST(Search, SaysWhatCannotBe) {
  TemporaryFolder folder;
  std::atomic<int> jobs{0};
  const auto workers = make_thread_workers(work_without_training(jobs), 1);
  SearchSettings settings = small_search(folder.path());
  settings.rungs = {{3, 4}, {5, 8}};
  EXPECT_EQ(search(settings, *workers).error().kind, ErrorKind::kUsage);
  settings.rungs.clear();
  EXPECT_EQ(search(settings, *workers).error().kind, ErrorKind::kUsage);
  const auto broken = make_thread_workers([](const std::string&) { return std::string("?"); }, 2);
  EXPECT_FALSE(search(small_search(folder.path() / "broken"), *broken).has_value());
}

TEST(Search, TrainsTheSameWhoeverWorks) {
  TemporaryFolder one, other;
  const SearchSettings settings = small_search(one.path()), again = small_search(other.path());
  const auto alone = make_thread_workers(make_search_work(settings), 1),
             together = make_thread_workers(make_search_work(again), 3);
  const auto a = search(settings, *alone), b = search(again, *together);
  ASSERT_TRUE(a) << a.error().text();
  ASSERT_TRUE(b) << b.error().text();
  EXPECT_EQ(losses(*a), losses(*b));
  for (const SearchResult& of : *a) EXPECT_TRUE(of.loss) << of.error;
  EXPECT_FALSE(pareto_front(*a).empty());
  EXPECT_NE(search_table(*a).find("us/region"), std::string::npos);
}

TEST(Search, TrainsNoCandidateAboveTheLimit) {
  TemporaryFolder folder;
  SearchSettings settings = small_search(folder.path());
  settings.most_microseconds = 1e-9;
  const auto workers = make_thread_workers(make_search_work(settings), 1);
  const auto results = search(settings, *workers);
  ASSERT_FALSE(results);
  EXPECT_NE(results.error().message.find("microseconds"), std::string::npos);
}

TEST(Front, HoldsWhatNothingCheaperBeats) {
  std::vector<SearchResult> results(4);
  const std::vector<std::pair<double, double>> points = {{0.1, 3}, {0.2, 2}, {0.3, 2.5}, {0.4, 1}};
  for (std::size_t i = 0; i < 4; ++i) {
    results[i].candidate.rank = static_cast<std::uint32_t>(i);
    results[i].steps = 9, results[i].microseconds = points[i].first, results[i].loss = points[i].second;
  }
  results.push_back(results[0]);
  results.back().steps = 3, results.back().loss = 0.1, results.back().microseconds = 0.01;  // trained less
  const auto front = pareto_front(results);
  ASSERT_EQ(front.size(), 3U);
  EXPECT_DOUBLE_EQ(*front[0].loss, 3);
  EXPECT_DOUBLE_EQ(*front[2].loss, 1);
}

}  // namespace
}  // namespace tier::sim
