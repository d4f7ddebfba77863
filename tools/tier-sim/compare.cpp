#include "tools/tier-sim/compare.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <atomic>
#include <fstream>

#include "sim/workloads/generators.h"
#include "tools/tier-sim/parallel.h"

namespace tier::sim {
namespace {

namespace fs = std::filesystem;

// Two keys with the same hash overwrite each other's cell; the key in the file tells them apart.
std::string file_name_of(const std::string& key) {
  return fmt::format("{:016x}.json", XXH3_64bits(key.data(), key.size()));
}

std::optional<nlohmann::json> known_cell(const fs::path& file, const std::string& key,
                                         const std::string& build) {
  std::ifstream in(file);
  if (!in) return std::nullopt;
  auto cell = nlohmann::json::parse(in, nullptr, false);
  if (cell.is_discarded() || cell.value("key", "") != key || cell.value("build", "") != build)
    return std::nullopt;
  return cell;
}

// Written beside and renamed: a run that is cut off leaves whole cells only.
bool write_whole(const fs::path& file, const std::string& text) {
  const fs::path part = file.string() + ".part";
  {
    std::ofstream out(part, std::ios::binary);
    out << text;
    if (!out.flush()) return false;
  }
  std::error_code failed;
  fs::rename(part, file, failed);
  return !failed;
}

nlohmann::json run_cell(const Experiment& experiment, const std::string& build) {
  nlohmann::json cell = {{"key", key_of(experiment)}, {"build", build}, {"experiment", to_json(experiment)}};
  const auto outcome = run_experiment(experiment);
  if (outcome) {
    cell["outcome"] = to_json(*outcome);
    // One of each case's cells carries its bound.
    if (experiment.policy == "none" && experiment.ratio != 0)
      if (const auto bound = bound_of(experiment)) cell["bound_s"] = *bound;
  } else {
    cell["error"] = outcome.error().text();
  }
  return cell;
}

Result<std::vector<PolicyEntry>> policies_of(const Suite& suite) {
  if (suite.policies.empty()) return all_policies();
  std::vector<PolicyEntry> policies;
  policies.reserve(suite.policies.size());
  for (const std::string& name : suite.policies) policies.push_back(TIER_TRY(policy_called(name)));
  return policies;
}

// The settings a policy runs with at one ratio: those of its sweep, or its own alone.
std::vector<PolicySettingsMap> points_of(const Suite& suite, const PolicyEntry& policy, double ratio) {
  const auto& ratios = suite.swept_ratios;
  const bool swept = policy.oracle || std::find(ratios.begin(), ratios.end(), ratio) != ratios.end();
  if (swept && !policy.sweep.empty()) return policy.sweep;
  return {{}};
}

std::vector<double> rates_of(const Suite& suite, const PolicyEntry& policy) {
  return policy.samples && !suite.sampling_rates.empty() ? suite.sampling_rates : std::vector<double>{0};
}

// `cell` at every ratio under every policy, with each setting and sampling rate that it runs with.
void add_runs(const Suite& suite, const std::vector<PolicyEntry>& policies, Experiment cell,
              std::vector<Experiment>& cells) {
  for (const double ratio : suite.ratios)
    for (const PolicyEntry& policy : policies)
      for (PolicySettingsMap& point : points_of(suite, policy, ratio)) {
        cell.ratio = ratio, cell.policy = policy.name, cell.settings = std::move(point);
        for (const double rate : rates_of(suite, policy)) {
          cell.sampling_rate = rate;
          cells.push_back(cell);
        }
      }
}

}  // namespace

Result<std::vector<Experiment>> cells_of(const Suite& suite) {
  const auto policies = TIER_TRY(policies_of(suite));
  std::vector<Experiment> cells;
  for (const std::string& base : suite.workloads)
    for (const std::string& machine : suite.machines)
      for (const std::uint64_t seed : suite.seeds) {
        Experiment cell;
        cell.workload = reseeded(base, seed);
        cell.machine = machine, cell.policy = "none", cell.ratio = 0, cell.seed = seed;
        if (cell.workload != base) cell.base = base;
        cells.push_back(cell);
        cell.sampling_budget = suite.sampling_budget;
        add_runs(suite, policies, cell, cells);
      }
  return cells;
}

Result<nlohmann::json> run_suite(const Suite& suite, const CompareOptions& options) {
  auto cells = TIER_TRY(cells_of(suite));
  const fs::path folder = options.folder / "cells";
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed)
    return fail(ErrorKind::kFailed, fmt::format("cannot make {}: {}", folder.string(), failed.message()),
                "choose another folder with --out");
  std::vector<nlohmann::json> results(cells.size());
  std::atomic<bool> unwritten{false};
  const auto work = [&](std::size_t i) {
    const std::string key = key_of(cells[i]);
    const fs::path file = folder / file_name_of(key);
    auto cell = known_cell(file, key, options.build);
    const bool fresh = !cell;
    results[i] = fresh ? run_cell(cells[i], options.build) : std::move(*cell);
    if (fresh && !write_whole(file, results[i].dump(1, ' ', false, nlohmann::json::error_handler_t::replace)))
      unwritten = true;
  };
  in_parallel(cells.size(), options.jobs, work, options.progress);
  nlohmann::json all = {{"schema", "tier-sim.results/1"}, {"cells", nlohmann::json::array()}};
  if (!suite.notes.empty()) all["notes"] = suite.notes;
  for (nlohmann::json& cell : results) {
    cell.erase("build");
    all["cells"].push_back(std::move(cell));
  }
  if (unwritten || !write_whole(options.folder / "results.json",
                                all.dump(1, ' ', false, nlohmann::json::error_handler_t::replace)))
    return fail(ErrorKind::kFailed, "cannot write all results under " + options.folder.string(),
                "is the disk full? run again: what is written is not run again");
  return all;
}

}  // namespace tier::sim
