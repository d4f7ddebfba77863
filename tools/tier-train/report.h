// Evaluations of many workloads and seeds, and what they say together.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/tier-train/evaluate.h"

namespace tier::sim {

struct EvaluationOptions {
  std::vector<std::string> workloads;  // specifications, as for tier-sim; empty: the standard ones
  unsigned seeds = 3;
  unsigned jobs = 1;
  DatasetSettings data;
  SwitchSettings forecasters;
  std::shared_ptr<const NamedModel> model;  // of the network; null: without it
  // Called after each evaluation, from one thread at a time: how many are done of how many.
  std::function<void(std::size_t, std::size_t)> progress;
};

struct Evaluation {
  std::string workload, family;
  std::uint64_t seed = 0;
  std::vector<ForecasterScores> scores;  // by contender, in the same order everywhere
};

// Every generator, two mixtures, and the recordings in build/corpus or else tests/traces, below `root`.
std::vector<std::string> standard_workloads(const std::string& root);
// "zipf", "mixture", "recorded".
std::string family_of(const std::string& workload);

// By workload, then seed, whatever the number of jobs. The first error of a workload ends it.
Result<std::vector<Evaluation>> run_evaluations(const EvaluationOptions& options);

nlohmann::json to_json(const std::vector<Evaluation>& evaluations);
// For a terminal: per horizon what each forecaster captures by family; then losses, coverage, adaptation.
// `cases`: every workload by itself besides.
std::string evaluation_table(const std::vector<Evaluation>& evaluations, bool cases);

}  // namespace tier::sim
