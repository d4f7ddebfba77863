// What each part of the model is worth: variants without it, trained on the same data, judged on workloads
// that none has learnt from.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "tools/tier-train/fit.h"
#include "tools/tier-train/held_out.h"

namespace tier::sim {

struct VariantEntry {
  const char* name;
  const char* description;
  void (*change)(ModelShape& shape);
};
// The first is the model as it is asked for.
std::span<const VariantEntry> variant_table();

struct AblationSettings {
  FitSettings fit;  // its seed, and those that follow, train; the data are made with the first
  unsigned seeds = 3;
  std::filesystem::path folder;
};

struct AblationRun {
  std::string variant;
  std::uint64_t seed = 0;
  double held_back = 0;               // loss
  std::vector<HeldOutScore> by_case;  // of kAblationContenders
};
// The switch alone is the same for every variant: it is a run by itself, of one contender.
inline constexpr std::array<const char*, 2> kAblationContenders = {"network", "switch+network"};
inline constexpr const char* kSwitchRun = "switch";

// Every variant with every seed, then the switch. What the folder has is not done again. Errors: of the fit,
// of the folder; the runs that are done stay in the folder.
Result<std::vector<AblationRun>> ablate(const AblationSettings& settings);

struct VariantSummary {
  std::string name;
  struct Part {            // of a contender
    Hits mean{}, error{};  // over the seeds, of the mean over the workloads; error: standard error
    // The workload on which it stands most behind the switch, over all horizons; over seeds.
    double worst = 0;
    std::string worst_workload;
  };
  std::vector<Part> parts;  // by contender
  double held_back = 0;
};
std::vector<VariantSummary> summarise(const std::vector<AblationRun>& runs);

nlohmann::json to_json(const std::vector<VariantSummary>& summaries);
std::string ablation_table(const std::vector<VariantSummary>& summaries);  // for a terminal

}  // namespace tier::sim
