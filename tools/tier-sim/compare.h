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
  // Each runs every case: it seeds what is sampled, and its distance from 1 is added to the seed of every
  // generator in the workload. Those from kFirstHeldOutSeed up are never tuned on.
  std::vector<std::uint64_t> seeds = {1};
  double sampling_budget = 0;  // share of one CPU, see PolicyContext
  // Samples a second: policies that sample run at each; none: at the budget alone.
  std::vector<double> sampling_rates;
  std::vector<std::string> notes;  // for the reader of the table: what was left out
};

inline constexpr std::uint64_t kFirstHeldOutSeed = 1000;

// TOML: workloads, optional, made_by, machines, policies, ratios, swept_ratios, seeds (or seed),
// sampling_budget (0 to 1), samples_per_second. "FOLDER/*.trace" entries are expanded, relative to the file;
// a recording that has the name of an earlier one is left out. A pattern that matches nothing is an error
// that names `made_by`, the command that makes the files, and among `optional` workloads a note. Machine
// files are relative to the suite where they are there.
Result<Suite> load_suite(const std::filesystem::path& file);

// Every cell of the suite in the same order every time, with "none" on a machine that is all fast as the
// outer bound of each workload and machine. Several sampling rates make more cells only of policies that
// sample. kUsage: an unknown policy.
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
