#include "tools/tier-sim/compare.h"

#include <fmt/format.h>
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

TEST_F(CompareTest, SeveralSamplingRatesMakeMoreCellsOfThosePoliciesAloneThatSample) {
  suite_.policies = {"none", "static-oracle", "numab", "hemem", "tierd"};
  suite_.workloads.resize(1);
  suite_.ratios = {8};
  suite_.sampling_rates = {150, 2000};
  const auto cells = cells_of(suite_);
  ASSERT_TRUE(cells);
  std::vector<std::string> ran;
  for (const Experiment& cell : *cells)
    ran.push_back(fmt::format("{} {} {}", cell.policy, cell.ratio, cell.sampling_rate));
  EXPECT_THAT(ran, testing::ElementsAre("none 0 0", "none 8 0", "static-oracle 8 0", "numab 8 0",
                                        "hemem 8 150", "hemem 8 2000", "tierd 8 150", "tierd 8 2000"));
  EXPECT_NE(key_of((*cells)[4]), key_of((*cells)[5]));
}

TEST_F(CompareTest, ASeedDrawsTheWorkloadAnewUnderItsOldName) {
  suite_.workloads = {"phases:footprint=64MiB + zipf:footprint=64MiB,seed=7,length=4s", "trace:a,b.trace"};
  suite_.ratios = {8};
  suite_.seeds = {1, 1000};
  const auto cells = cells_of(suite_);
  ASSERT_TRUE(cells);
  ASSERT_EQ(cells->size(), 16U);
  EXPECT_EQ((*cells)[0].workload, suite_.workloads[0]);
  EXPECT_EQ((*cells)[0].base, "");
  const Experiment& other = (*cells)[4];
  EXPECT_EQ(other.workload, "phases:footprint=64MiB,seed=1000 + zipf:footprint=64MiB,seed=1006,length=4s");
  EXPECT_EQ(other.base, suite_.workloads[0]);
  EXPECT_EQ(other.seed, 1000U);
  EXPECT_EQ((*cells)[12].workload, suite_.workloads[1]) << "a recording is what it is";
  EXPECT_EQ((*cells)[12].seed, 1000U);
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
  std::ofstream(file)
      << "workloads = [\"trace:empty/*.trace\"]\nmachines = [\"ddr5-cxl\"]\nmade_by = \"make\"\n";
  EXPECT_THAT(load_suite(file).error().fix, testing::HasSubstr("make"));
  std::ofstream(file) << "workloads = [\"zipf\"]\n";
  EXPECT_FALSE(load_suite(file).has_value());
  std::ofstream(file) << "workload = [\"zipf\"]\nmachines = [\"ddr5-cxl\"]\n";
  EXPECT_FALSE(load_suite(file).has_value());
}

TEST_F(CompareTest, OptionalRecordingsAreNotedWhereTheyAreMissingAndCountOnce) {
  fs::create_directories(folder_ / "short");
  fs::create_directories(folder_ / "long");
  for (const char* name : {"short/a.trace", "long/a.trace", "long/b.trace"})
    std::ofstream(folder_ / name) << "x";
  std::ofstream(folder_ / "mine.toml") << "x";
  const auto file = folder_ / "suite.toml";
  std::ofstream(file) << "workloads = [\"trace:short/*.trace\"]\n"
                         "optional = [\"trace:long/*.trace\", \"trace:empty/*.trace\"]\n"
                         "machines = [\"ddr5-cxl\", \"mine.toml\"]\nsamples_per_second = [150, 300]\n"
                         "seeds = [1, 1000]\n";
  const auto suite = load_suite(file);
  ASSERT_TRUE(suite) << suite.error().text();
  EXPECT_THAT(suite->workloads,
              testing::ElementsAre(testing::EndsWith("short/a.trace"), testing::EndsWith("long/b.trace")));
  EXPECT_THAT(suite->notes, testing::ElementsAre(testing::HasSubstr("empty")));
  EXPECT_THAT(suite->machines, testing::ElementsAre("ddr5-cxl", (folder_ / "mine.toml").string()));
  EXPECT_THAT(suite->sampling_rates, testing::ElementsAre(150, 300));
  EXPECT_THAT(suite->seeds, testing::ElementsAre(1, 1000));
  for (const char* wrong : {"seeds = [0]\n", "samples_per_second = [0]\n"}) {
    std::ofstream(file) << "workloads = [\"zipf\"]\nmachines = [\"ddr5-cxl\"]\n" << wrong;
    EXPECT_FALSE(load_suite(file).has_value()) << wrong;
  }
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
