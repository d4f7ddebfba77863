// What a trained model is worth where it was not trained: fits that leave out workloads and a machine, each
// judged on that machine, on the workloads left out and on those seen.
#pragma once

#include <string>
#include <vector>

#include "tools/tier-train/fit.h"
#include "tools/tier-train/report.h"

namespace tier::sim {

struct CrossfitSettings {
  FitSettings fit;        // `folder` holds one folder per fold; what lies there finished is not done again
  unsigned seeds = 3;     // of the evaluations
  double slow_parts = 8;  // fast : slow = 1 : slow_parts
  std::vector<std::string> workloads;  // that are judged; none: the standard ones
};

struct Fold {
  std::string machine;                // left out, and judged on
  std::vector<std::string> left_out;  // generators and recordings
};

// As many as there are machine presets. Generators that are kin are left out together; recordings are dealt
// out in the order of their names.
std::vector<Fold> make_folds(const std::vector<std::string>& recordings);

// Of every fold; the family says what the workload was to the model: "held-out", "recorded" (left out),
// "mixture", "in-family" or "recorded seen".
Result<std::vector<Evaluation>> crossfit(const CrossfitSettings& settings);

}  // namespace tier::sim
