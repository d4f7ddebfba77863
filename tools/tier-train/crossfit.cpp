#include "tools/tier-train/crossfit.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "predictor/network/model_file.h"
#include "sim/machine/description.h"
#include "sim/workloads/generators.h"
#include "sim/workloads/pattern.h"
#include "tools/tier-sim/progress.h"

namespace tier::sim {
namespace {

// A model that knows one of these has seen much of the others.
const std::vector<std::vector<std::string>> kKin = {{"gups", "gups-moving", "gups-scattered"},
                                                    {"stencil", "scan"},
                                                    {"phases", "stairs", "zigzag"},
                                                    {"zipf", "generational"},
                                                    {"chase", "bursts", "training"}};

std::string name_of(const std::string& workload) {
  std::string head = workload.substr(0, workload.find(':'));
  if (!head.starts_with("trace")) return head;
  return std::filesystem::path(workload.substr(workload.find(':') + 1)).stem().string();
}

std::string standing_of(const std::string& workload, const Fold& fold) {
  std::string family = family_of(workload);
  if (family == "mixture") return family;
  const bool left_out =
      std::find(fold.left_out.begin(), fold.left_out.end(), name_of(workload)) != fold.left_out.end();
  if (family == "recorded") return left_out ? "recorded" : "recorded seen";
  return left_out ? "held-out" : "in-family";
}

Result<std::shared_ptr<const NamedModel>> model_of(const CrossfitSettings& settings, const Fold& fold) {
  FitSettings fit_settings = settings.fit;
  fit_settings.folder = settings.fit.folder / fold.machine;
  fit_settings.recipes.left_out = fold.left_out;
  fit_settings.recipes.left_out.push_back(fold.machine);
  const auto file = fit_settings.folder / "model.safetensors";
  if (std::filesystem::exists(file)) return load_model(file);
  std::error_code failed;
  std::filesystem::create_directories(fit_settings.folder, failed);
  TIER_TRY(fit(fit_settings, make_fit_data(fit_settings)));
  return load_model(file);
}

}  // namespace

std::vector<Fold> make_folds(const std::vector<std::string>& recordings) {
  std::vector<Fold> folds;
  for (const MachineDescription& machine : machine_presets()) {
    Fold fold{machine.name, {}};
    const std::size_t k = folds.size();
    if (k < kKin.size()) fold.left_out = kKin[k];
    folds.push_back(std::move(fold));
  }
  std::vector<std::string> names;
  names.reserve(recordings.size());
  for (const std::string& path : recordings) names.push_back(std::filesystem::path(path).stem().string());
  std::sort(names.begin(), names.end());
  for (std::size_t i = 0; i < names.size(); ++i) folds[i % folds.size()].left_out.push_back(names[i]);
  return folds;
}

Result<std::vector<Evaluation>> crossfit(const CrossfitSettings& settings) {
  std::vector<Evaluation> all;
  for (const Fold& fold : make_folds(settings.fit.recipes.recordings)) {
    auto model = TIER_TRY(model_of(settings, fold));
    const auto machine = TIER_TRY(machine_preset(fold.machine));
    EvaluationOptions options;
    options.workloads = settings.workloads.empty() ? standard_workloads(".") : settings.workloads;
    options.seeds = settings.seeds;
    options.jobs = settings.fit.jobs;
    options.model = model;
    options.data.fast_share = 1 / (1 + settings.slow_parts);
    options.data.fast_latency = seconds(machine.tiers.front().latency) / kReferenceLatency;
    options.data.slow_latency = seconds(machine.tiers.back().latency) / kReferenceLatency;
    options.forecasters.fast_share = options.data.fast_share;
    Progress progress("evaluations without " + fold.machine);
    options.progress = [&](std::size_t done, std::size_t of) {
      if (!settings.fit.quiet) progress.show(done, of);
    };
    auto evaluations = run_evaluations(options);
    if (!settings.fit.quiet) progress.finish();
    if (!evaluations) return tl::make_unexpected(evaluations.error());
    for (Evaluation& each : *evaluations) {
      each.family = standing_of(each.workload, fold);
      all.push_back(std::move(each));
    }
  }
  return all;
}

}  // namespace tier::sim
