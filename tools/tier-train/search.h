// Search for the network that forecasts best at a price: generations of candidates, of which each rung of
// successive halving (Jamieson and Talwalkar 2016) trains the better ones longer; mutants of those that are
// left make the next generation.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/tier-train/candidate.h"
#include "tools/tier-train/fit.h"
#include "tools/tier-train/workers.h"

namespace tier::sim {

struct Rung {
  std::size_t candidates = 0, steps = 0;
};

struct SearchSettings {
  FitSettings fit;  // data and training; shape, steps and judgements are the candidates'
  std::vector<Rung> rungs = {{27, 100}, {9, 300}, {3, 900}};  // fewer candidates, more steps each time
  std::size_t generations = 3;
  double most_microseconds = 0.35;  // of the network per region and tick, on one core; 0: no limit
  std::filesystem::path folder;
  bool resume = false;  // else the folder holds no results
};

struct SearchResult {
  Candidate candidate;
  std::size_t steps = 0;
  // Held-back loss, of workloads that were not trained on; none where `error` says why.
  std::optional<double> loss;
  std::string error;
  double microseconds = 0;  // measured where it was trained
  double seconds = 0;
};

// What workers do: a job is a candidate and its steps, the result a SearchResult. The data are made with the
// first job. Everything but the times follows from settings and job. `settings` outlive it.
Work make_search_work(const SearchSettings& settings);

// The leader's part. Every result is in the folder as soon as it is there. kUsage: rungs that do not
// narrow, a folder that does not fit; kFailed: no candidate gives a loss.
Result<std::vector<SearchResult>> search(const SearchSettings& settings, Workers& workers);

// Of those that were trained longest: nothing else is both cheaper and better. By cost.
std::vector<SearchResult> pareto_front(const std::vector<SearchResult>& results);

nlohmann::json to_json(const std::vector<SearchResult>& results);
std::string search_table(const std::vector<SearchResult>& results);  // for a terminal
// pareto.svg in the folder. Errors: as draw_picture().
Result<void> plot_search(const std::vector<SearchResult>& results, const std::filesystem::path& folder);

}  // namespace tier::sim
