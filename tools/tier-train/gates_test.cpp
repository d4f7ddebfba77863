// What the installed model must hold on the sample of the recorded corpus, as samples of other draws show it:
// the gates below which it may not be shipped. docs/benchmarks.md has the figures, and those of models that
// have not seen the workloads.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <numeric>
#include <optional>

#include "predictor/network/model_file.h"
#include "tools/tier-train/report.h"

namespace tier::sim {
namespace {

constexpr std::size_t kFourTicks = 1;  // of kHorizons

std::vector<Evaluation> evaluations() {
  EvaluationOptions options;
  for (const auto& entry : std::filesystem::directory_iterator(TIER_SAMPLE_TRACES))
    if (entry.path().extension() == ".trace")
      options.workloads.push_back("trace*40:" + entry.path().string());
  std::sort(options.workloads.begin(), options.workloads.end());
  options.jobs = 2;
  const auto model = load_model(TIER_DEFAULT_MODEL);
  EXPECT_TRUE(model) << (model ? "" : model.error().message);
  if (model) options.model = *model;
  auto made = run_evaluations(options);
  EXPECT_TRUE(made) << (made ? "" : made.error().message);
  return made ? *std::move(made) : std::vector<Evaluation>{};
}

class Gates : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { all_ = evaluations(); }

  // By workload: mean over seeds of what `of` makes of a forecaster's scores; without those where it has
  // none.
  template <typename Of>
  static std::map<std::string, double> by_workload(const std::string& forecaster, Of of) {
    std::map<std::string, std::vector<double>> found;
    for (const Evaluation& each : all_)
      for (const ForecasterScores& scores : each.scores)
        if (scores.name == forecaster)
          if (const std::optional<double> value = of(scores)) found[each.workload].push_back(*value);
    std::map<std::string, double> means;
    for (const auto& [workload, values] : found)
      means[workload] =
          std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
    return means;
  }

  static std::vector<Evaluation> all_;
};
std::vector<Evaluation> Gates::all_;

TEST_F(Gates, TheNetworkTakesNothingFromTheSwitchOnAnyRecording) {
  const auto hit = [](const ForecasterScores& scores) -> std::optional<double> {
    return scores.horizons[kFourTicks].hit[kEighth];
  };
  const auto with = by_workload("switch+network", hit), without = by_workload("switch", hit);
  ASSERT_EQ(with.size(), 4U);
  double gain = 0;
  for (const auto& [workload, value] : with) {
    EXPECT_GE(value, without.at(workload) - 0.002) << workload;
    gain += (value - without.at(workload)) / static_cast<double>(with.size());
  }
  EXPECT_GT(gain, 0.005);  // or it is not worth its price
}

TEST_F(Gates, ItAdaptsToAChangeWithin24Ticks) {
  const auto ticks =
      by_workload("switch+network", [](const ForecasterScores& scores) { return scores.ticks_to_adapt; });
  ASSERT_GE(ticks.size(), 3U);  // recordings that change
  for (const auto& [workload, value] : ticks) EXPECT_LE(value, 24) << workload;
}

TEST_F(Gates, EightTenthsOfWhatComesLieWithinTheQuantiles) {
  for (const std::size_t horizon : {std::size_t{0}, kFourTicks}) {
    const auto coverage = by_workload("switch+network", [&](const ForecasterScores& scores) {
      return std::optional<double>(scores.horizons[horizon].coverage_busy);
    });
    double mean = 0;
    for (const auto& [workload, value] : coverage) mean += value / static_cast<double>(coverage.size());
    EXPECT_NEAR(mean, 0.8, 0.05) << kHorizons[horizon] << " ticks";
  }
}

}  // namespace
}  // namespace tier::sim
