// How soon a trained network does well on a workload and a machine that it was not trained on: as it is, with
// its context adapted to the latest ticks, and with all its weights adapted by the same ticks and steps;
// beside a network that was trained on them.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "predictor/network/model_file.h"
#include "predictor/training/adapt.h"
#include "tools/tier-train/recipes.h"

namespace tier::sim {

struct FewshotSettings {
  std::shared_ptr<const NamedModel> model;      // that has not seen them
  std::shared_ptr<const NamedModel> reference;  // that has
  std::vector<std::string> workloads;           // generators and recordings by name; at least one
  std::vector<std::string> machines;            // presets; none: all
  std::vector<std::string> recordings;          // paths of trace files
  std::uint64_t seeds = 3, first_seed = 900;    // other parameters, machines and samples
  std::size_t ticks = 240, regions = 256;       // of each case
  std::size_t every = 16;                       // ticks between two adaptations
  double within = 0.02;                         // of the reference, in captured demand over the best
  double weights_rate = 3e-3;                   // Adam's, of all weights
  AdaptationSettings adaptation;
  unsigned jobs = 1;
  std::function<void(std::size_t, std::size_t)> progress = [](std::size_t, std::size_t) {};
};

// What is compared. The switch is what the network's counsel says.
enum class Contestant { kSwitch, kPlain, kContext, kWeights, kReference };
inline constexpr std::size_t kContestants = 5;
const char* name_of(Contestant contestant);

inline constexpr std::size_t kBinTicks = 8;

struct FewshotCase {
  TaskRecipe recipe;
  // By contestant and bin of kBinTicks ticks: mean of the demand at horizon 4 that the K = 1/8 of the regions
  // forecast highest take, over that of the highest.
  std::array<std::vector<double>, kContestants> hits;
  // Tick from which on two bins together are within settings.within of the reference; the ticks of the case
  // where that is never so.
  std::array<double, kContestants> ticks_until{};
  std::array<bool, kContestants> reached{};
  std::size_t adaptations = 0, context_taken = 0, weights_taken = 0;
  // Of adaptations that were taken, those after which the following ticks were worse than without.
  std::size_t context_harmed = 0, weights_harmed = 0;
};

struct FewshotReport {
  std::vector<FewshotCase> cases;  // by workload, then seed
  std::vector<std::string> refused;
};

// kUsage: no workload, or recipes that give no case at all.
Result<FewshotReport> measure_fewshot(const FewshotSettings& settings);
std::string fewshot_table(const FewshotReport& report, bool cases);
nlohmann::json to_json(const FewshotReport& report);

// How well signatures (network/signature.h) tell workloads apart and know them again.
struct SignatureReport {
  std::size_t workloads = 0;
  std::size_t runs = 0, same = 0, near = 0;   // of pairs of runs that differ in their samples alone
  std::size_t later = 0, later_near = 0;      // pairs of one run, 64 ticks apart
  std::size_t sparser = 0, sparser_near = 0;  // pairs of runs, the other of half the samples
  std::size_t others = 0, others_near = 0;    // pairs of different workloads
  std::vector<std::string> lines;             // by workload
};
Result<SignatureReport> measure_signatures(const FewshotSettings& settings);

}  // namespace tier::sim
