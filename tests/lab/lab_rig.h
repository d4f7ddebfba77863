// Runs a scenario of the repository in a guest, for tests: no command line, no printing.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tools/tier-lab/guest_run.h"

namespace tier::lab {

struct Outcome {
  Scenario scenario;
  RunRecord record;
  Result<> ran;
};

// What the guest printed.
inline std::string all_lines(const RunRecord& record) {
  std::string text;
  for (const std::string& line : record.lines) text += line + "\n";
  return text;
}

// `name` is the scenario's file name without its suffix; each test gets an output folder of its own.
inline Outcome run_scenario(const std::string& name, const std::vector<std::string>& overrides) {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  LabPaths paths;
  paths.source_folder = TIER_LAB_SOURCE;
  paths.build_folder = TIER_LAB_BUILD;
  paths.plugin = TIER_LAB_PLUGIN;
  paths.agent = TIER_LAB_AGENT;
  std::string leaf = std::string(test->test_suite_name()) + "-" + test->name();
  for (char& c : leaf)
    if (c == '/') c = '-';
  paths.out_folder = paths.build_folder + "/lab-results/" + leaf;
  Outcome outcome;
  Result<Scenario> scenario =
      load_scenario(paths.source_folder + "/tests/lab/scenarios/" + name + ".toml", overrides);
  if (!scenario) {
    outcome.ran = tl::make_unexpected(scenario.error());
    return outcome;
  }
  outcome.scenario = *scenario;
  outcome.ran = run_guest(*scenario, paths, outcome.record);
  return outcome;
}

}  // namespace tier::lab
