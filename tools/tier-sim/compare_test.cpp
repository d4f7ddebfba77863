#include "tools/tier-sim/compare.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace tier::sim {
namespace {

namespace fs = std::filesystem;

class CompareTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder_);
    suite_.workloads = {"gups:footprint=64MiB,length=4s", "phases:footprint=64MiB,length=4s"};
    suite_.machines = {"ddr5-cxl"};
    suite_.ratios = {2, 8};
    suite_.policies = {"none", "static-oracle", "tierd"};
  }
  CompareOptions options(unsigned jobs, const std::string& name = "out") {
    CompareOptions options;
    options.folder = folder_ / name;
    options.jobs = jobs;
    options.build = "one";
    return options;
  }
  static std::string text_of(const fs::path& file) {
    std::ifstream in(file);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
  }
  fs::path folder_;
  Suite suite_;
};

TEST_F(CompareTest, TheSameBytesOnOneAndOnTwoThreads) {
  std::size_t last = 0, of = 0;
  auto one = options(1, "one");
  one.progress = [&](std::size_t done, std::size_t all) { last = done, of = all; };
  ASSERT_TRUE(run_suite(suite_, one));
  ASSERT_TRUE(run_suite(suite_, options(2, "two")));
  EXPECT_EQ(last, of);
  EXPECT_EQ(of, 2U * (1 + 2 * 3)) << "and the all-fast bound of each workload";
  const std::string bytes = text_of(folder_ / "one/results.json");
  EXPECT_GT(bytes.size(), 1000U);
  EXPECT_EQ(bytes, text_of(folder_ / "two/results.json"));
}

// Every cell's outcome is marked; what is run again loses its mark.
TEST_F(CompareTest, GoesOnWhereItStoppedButNotWithAnotherProgram) {
  ASSERT_TRUE(run_suite(suite_, options(1)));
  std::size_t cells = 0;
  for (const auto& file : fs::directory_iterator(folder_ / "out/cells")) {
    auto cell = nlohmann::json::parse(text_of(file.path()));
    cell["outcome"]["marked"] = true;
    std::ofstream(file.path()) << (cells++ == 0 ? "{ cut off" : cell.dump());
  }
  const auto marked = [](const nlohmann::json& results) {
    std::size_t count = 0;
    for (const auto& cell : results.at("cells")) count += cell.at("outcome").contains("marked");
    return count;
  };
  const auto again = run_suite(suite_, options(1));
  ASSERT_TRUE(again);
  EXPECT_EQ(marked(*again), cells - 1);
  auto other = options(1);
  other.build = "another";
  const auto anew = run_suite(suite_, other);
  ASSERT_TRUE(anew);
  EXPECT_EQ(marked(*anew), 0U);
}

TEST_F(CompareTest, OneBadCellDoesNotStopTheOthers) {
  suite_.workloads.emplace_back("trace:/nonexistent.trace");
  const auto results = run_suite(suite_, options(1));
  ASSERT_TRUE(results);
  std::size_t errors = 0, outcomes = 0;
  for (const auto& cell : results->at("cells")) {
    errors += cell.contains("error");
    outcomes += cell.contains("outcome");
  }
  EXPECT_EQ(errors, 7U);
  EXPECT_EQ(outcomes, 14U);
}

TEST_F(CompareTest, SweepsRunWhereTheyAreAskedFor) {
  const auto plain = cells_of(suite_);
  ASSERT_TRUE(plain);
  suite_.swept_ratios = {8};
  const auto swept = cells_of(suite_);
  ASSERT_TRUE(swept);
  EXPECT_GT(swept->size(), plain->size());
  for (const Experiment& cell : *swept)
    if (cell.ratio == 2 && cell.policy == "tierd") {
      EXPECT_TRUE(cell.settings.empty());
    }
  suite_.sampling_budget = 0.01;
  const auto bounded = cells_of(suite_);
  ASSERT_TRUE(bounded);
  EXPECT_EQ(bounded->front().sampling_budget, 0) << "with all memory fast there is nothing to sample";
  EXPECT_EQ(bounded->back().sampling_budget, 0.01);
  EXPECT_NE(key_of(bounded->back()), key_of(swept->back()));
  suite_.policies = {"nobody"};
  EXPECT_FALSE(cells_of(suite_).has_value());
}

TEST_F(CompareTest, SuitesAreReadAndTheirTracesFound) {
  fs::create_directories(folder_ / "corpus");
  std::ofstream(folder_ / "corpus/b.trace") << "x";
  std::ofstream(folder_ / "corpus/a.trace") << "x";
  const auto file = folder_ / "suite.toml";
  std::ofstream(file)
      << "workloads = [\"zipf\", \"trace:corpus/*.trace\"]\nmachines = [\"ddr5-cxl\"]\nratios = [2]\n";
  const auto suite = load_suite(file);
  ASSERT_TRUE(suite) << suite.error().text();
  EXPECT_THAT(suite->workloads,
              testing::ElementsAre("zipf", testing::EndsWith("a.trace"), testing::EndsWith("b.trace")));
  EXPECT_THAT(suite->ratios, testing::ElementsAre(2));
  EXPECT_EQ(suite->sampling_budget, 0);
  std::ofstream(file) << "workloads = [\"zipf\"]\nmachines = [\"ddr5-cxl\"]\nsampling_budget = 0.01\n";
  EXPECT_EQ(load_suite(file)->sampling_budget, 0.01);
  std::ofstream(file) << "workloads = [\"zipf\"]\nmachines = [\"ddr5-cxl\"]\nsampling_budget = 2\n";
  EXPECT_FALSE(load_suite(file).has_value());
  std::ofstream(file) << "workloads = [\"trace:empty/*.trace\"]\nmachines = [\"ddr5-cxl\"]\n";
  const auto missing = load_suite(file);
  ASSERT_FALSE(missing);
  EXPECT_THAT(missing.error().fix, testing::HasSubstr("record-workloads"));
  std::ofstream(file) << "workloads = [\"zipf\"]\n";
  EXPECT_FALSE(load_suite(file).has_value());
  std::ofstream(file) << "workload = [\"zipf\"]\nmachines = [\"ddr5-cxl\"]\n";
  EXPECT_FALSE(load_suite(file).has_value());
}

TEST(Experiment, WhatDoesNotExistIsRefusedByName) {
  Experiment experiment;
  experiment.workload = "gups:footprint=64MiB,length=1s";
  experiment.machine = "abacus";
  experiment.policy = "none";
  EXPECT_THAT(run_experiment(experiment).error().message, testing::HasSubstr("abacus"));
  experiment.machine = "ddr5-cxl";
  experiment.policy = "hope";
  EXPECT_THAT(run_experiment(experiment).error().message, testing::HasSubstr("hope"));
}

TEST(Experiment, RatioZeroIsAllFast) {
  Experiment experiment;
  experiment.workload = "gups:footprint=64MiB,length=2s";
  experiment.machine = "ddr5-cxl";
  experiment.policy = "none";
  experiment.ratio = 0;
  const auto outcome = run_experiment(experiment);
  ASSERT_TRUE(outcome) << outcome.error().text();
  EXPECT_EQ(outcome->fast_share, 1);
}

}  // namespace
}  // namespace tier::sim
