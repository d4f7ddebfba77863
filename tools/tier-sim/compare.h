// Policies × workloads × machines × ratios, on all cores, kept on disk cell by cell so that it can go on.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "tools/tier-sim/experiment.h"

namespace tier::sim {

struct Suite {
  std::vector<std::string> workloads, machines, policies;  // no policies: all of them
  std::vector<double> ratios = {2, 8, 16};
  std::vector<double> swept_ratios;  // at which every point of each policy's sweep runs too
  std::uint64_t seed = 1;
  double sampling_budget = 0;  // share of one CPU, see PolicyContext
};

// TOML: workloads, machines, policies, ratios, swept_ratios, seed, sampling_budget (0 to 1). "corpus/*.trace"
// entries are expanded, relative to the file; a pattern that matches nothing is an error.
Result<Suite> load_suite(const std::filesystem::path& file);

// Every cell of the suite in the same order every time, with "none" on a machine that is all fast as the
// outer bound of each workload and machine. kUsage: an unknown policy.
Result<std::vector<Experiment>> cells_of(const Suite& suite);

struct CompareOptions {
  std::filesystem::path folder;  // results: cells/*.json and, at the end, results.json
  unsigned jobs = 1;
  // Called after each cell, from one thread at a time: how many are done of how many.
  std::function<void(std::size_t, std::size_t)> progress;
  std::string build;  // identifies the program: cells of another build are run again
};

// Runs what is missing and writes results.json, whose bytes depend on the suite and the program alone.
// Cells that fail are kept as {"error": …}; the others go on.
Result<nlohmann::json> run_suite(const Suite& suite, const CompareOptions& options);

}  // namespace tier::sim
