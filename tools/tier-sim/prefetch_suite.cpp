#include "tools/tier-sim/prefetch_suite.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>

#include "sim/prefetch/rivals/rivals.h"
#include "tools/tier-sim/parallel.h"

namespace tier::sim {
namespace {

constexpr const char* kAll = "all";

// One scenario under one seed: the scores of all policies.
struct Cell {
  PrefetchScenario scenario;
  std::uint64_t seed = 0;
  std::vector<PrefetchScore> scores;
  std::optional<Error> error;
};

Result<void> run_cell(Cell& cell, const std::vector<std::string>& policies, std::size_t intervals) {
  const auto course = TIER_TRY(cell.scenario.draw(cell.seed, intervals));
  const PrefetchRun best = run_settings(course, best_settings(course));
  const PrefetchRun usual =
      run_settings(course, {course.phases.size(), std::vector<std::size_t>(course.scopes, 0)});
  for (const std::string& policy : policies) {
    const auto run = run_prefetch_policy(policy, course, best, cell.seed);
    if (!run)
      return fail(run.error().kind, fmt::format("{} in {}, seed {}: {}", policy, cell.scenario.name,
                                                cell.seed, run.error().message));
    cell.scores.push_back(score(course, *run, usual, best));
  }
  return {};
}

Result<std::vector<Cell>> cells_of(const PrefetchSuite& suite) {
  std::vector<PrefetchScenario> scenarios;
  for (const std::string& name : suite.scenarios) {
    const auto scenario = TIER_TRY(prefetch_scenario_called(name));
    scenarios.push_back(scenario);
  }
  if (scenarios.empty()) scenarios.assign(prefetch_scenarios().begin(), prefetch_scenarios().end());
  std::vector<Cell> cells;
  for (const PrefetchScenario& scenario : scenarios)
    for (std::size_t i = 0; i < suite.seeds; ++i) cells.push_back({scenario, suite.seed + i, {}, {}});
  return cells;
}

Result<std::vector<std::string>> policies_of(const PrefetchSuite& suite) {
  std::vector<std::string> policies = suite.policies;
  if (policies.empty()) {
    for (const auto& entry : prefetch_rivals()) policies.emplace_back(entry.name);
    policies.insert(policies.begin() + 1, {"static:1", "static:2"});
  }
  for (const std::string& name : policies) TIER_TRY(prefetch_rival_called(name));
  return policies;
}

double mean(const std::vector<double>& values) {
  if (values.empty()) return 0;
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

PrefetchRow row_of(const std::vector<const Cell*>& cells, std::size_t policy) {
  PrefetchRow row;
  std::vector<double> gains, settled, transitions;
  std::vector<std::size_t> settling;
  for (const Cell* const cell : cells) {
    const PrefetchScore& of = cell->scores[policy];
    if (gains.empty() || of.gain < row.gain_worst) row.gain_worst = of.gain, row.gain_worst_seed = cell->seed;
    gains.push_back(of.gain);
    transitions.push_back(of.transitions);
    settled.insert(settled.end(), of.settled.begin(), of.settled.end());
    settling.insert(settling.end(), of.settling.begin(), of.settling.end());
  }
  row.seeds = cells.size();
  row.phases = settled.size();
  row.gain_mean = mean(gains);
  row.transitions = mean(transitions);
  if (settled.empty()) return row;
  row.settled_mean = mean(settled);
  row.settled_worst = *std::min_element(settled.begin(), settled.end());
  row.settled_near = static_cast<double>(std::count_if(settled.begin(), settled.end(),
                                                       [](double each) { return each >= -kNear; })) /
                     static_cast<double>(settled.size());
  std::sort(settling.begin(), settling.end());
  row.settling_median = settling[settling.size() / 2];
  row.settling_worst = settling.back();
  return row;
}

}  // namespace

Result<PrefetchRun> run_prefetch_policy(const std::string& policy, const PrefetchCourse& course,
                                        const PrefetchRun& best, std::uint64_t seed) {
  const auto rival = TIER_TRY(prefetch_rival_called(policy));
  if (rival.oracle) return best;
  const auto made = rival.make(course.scopes, course.settings, seed);
  return run_policy(course, *made, seed);
}

Result<PrefetchTable> run_prefetch_suite(const PrefetchSuite& suite) {
  auto cells = TIER_TRY(cells_of(suite));
  const auto policies = TIER_TRY(policies_of(suite));
  const auto work = [&](std::size_t i) {
    Cell& cell = cells[i];
    if (auto done = run_cell(cell, policies, suite.intervals); !done) cell.error = done.error();
  };
  in_parallel(cells.size(), suite.jobs, work, suite.progress);
  PrefetchTable table;
  table.intervals = suite.intervals;
  std::vector<const Cell*> all;
  for (const Cell& cell : cells) {
    if (cell.error) return tl::make_unexpected(*cell.error);
    all.push_back(&cell);
  }
  const auto add = [&](const std::string& scenario, const std::vector<const Cell*>& of) {
    for (std::size_t p = 0; p < policies.size(); ++p) {
      table.rows.push_back(row_of(of, p));
      table.rows.back().scenario = scenario;
      table.rows.back().policy = policies[p];
    }
  };
  const auto seeds = static_cast<std::ptrdiff_t>(suite.seeds);
  for (auto first = all.begin(); first != all.end(); first += seeds)
    add((*first)->scenario.name, {first, first + seeds});
  if (all.size() > suite.seeds) add(kAll, all);
  return table;
}

nlohmann::json to_json(const PrefetchTable& table) {
  nlohmann::json rows = nlohmann::json::array();
  for (const PrefetchRow& row : table.rows)
    rows.push_back({{"scenario", row.scenario},
                    {"policy", row.policy},
                    {"gain_mean", row.gain_mean},
                    {"gain_worst", row.gain_worst},
                    {"gain_worst_seed", row.gain_worst_seed},
                    {"settled_mean", row.settled_mean},
                    {"settled_worst", row.settled_worst},
                    {"settled_near", row.settled_near},
                    {"settling_median", row.settling_median},
                    {"settling_worst", row.settling_worst},
                    {"transitions", row.transitions},
                    {"seeds", row.seeds},
                    {"phases", row.phases}});
  return {{"intervals", table.intervals}, {"rows", std::move(rows)}};
}

std::string prefetch_text(const PrefetchTable& table) {
  std::string text = fmt::format(
      "{} intervals; against the default over a run, against each phase's best after {} intervals\n"
      "{:<12} {:<15} {:>7} {:>7} {:>6} {:>8} {:>7} {:>7} {:>7} {:>6} {:>11}\n"
      "{:<12} {:<15} {:>7} {:>7} {:>6} {:>8} {:>7} {:>7} {:>7} {:>6} {:>11}\n",
      table.intervals, kSettling, "scenario", "policy", "gain", "worst", "seed", "settled", "worst", "near",
      "until", "worst", "transitions", "", "", "%", "%", "", "%", "%", "% of", "near", "", "/scope/1000");
  std::string before;
  for (const PrefetchRow& row : table.rows) {
    text += fmt::format(
        "{:<12} {:<15} {:>7.2f} {:>7.2f} {:>6} {:>8.2f} {:>7.2f} {:>7.1f} {:>7} {:>6} {:>11.2f}\n",
        row.scenario == before ? "" : row.scenario, row.policy, 100 * row.gain_mean, 100 * row.gain_worst,
        row.gain_worst_seed, 100 * row.settled_mean, 100 * row.settled_worst, 100 * row.settled_near,
        row.settling_median, row.settling_worst, row.transitions);
    before = row.scenario;
  }
  return text;
}

}  // namespace tier::sim
