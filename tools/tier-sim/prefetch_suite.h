// Prefetch policies × scenarios × seeds, and what comes of them.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/result.h"
#include "sim/prefetch/trial.h"

namespace tier::sim {

struct PrefetchSuite {
  std::vector<std::string> scenarios, policies;  // none: all
  std::size_t seeds = 100, intervals = 1000;
  std::uint64_t seed = 1;  // the first
  unsigned jobs = 1;
  std::function<void(std::size_t done, std::size_t of)> progress;
};

// One policy in one scenario; of all in all where the scenario is "all". Shares, not percent.
struct PrefetchRow {
  std::string scenario, policy;
  double gain_mean = 0, gain_worst = 0;  // against the default, of a whole run
  std::uint64_t gain_worst_seed = 0;
  // Against the best static settings of each phase, after kSettling intervals: mean and worst over phases,
  // and how many of the phases are within kNear.
  double settled_mean = 0, settled_worst = 0, settled_near = 0;
  std::size_t settling_median = 0, settling_worst = 0;  // intervals
  double transitions = 0;                               // per scope and 1000 intervals
  std::size_t seeds = 0, phases = 0;
};

struct PrefetchTable {
  std::vector<PrefetchRow> rows;  // by scenario, "all" last; in each by the order of the policies
  std::size_t intervals = 0;
};

// kUsage: an unknown name. The same table for the same suite, whatever the jobs.
Result<PrefetchTable> run_prefetch_suite(const PrefetchSuite& suite);
nlohmann::json to_json(const PrefetchTable& table);
std::string prefetch_text(const PrefetchTable& table);

// The progress of one policy on a course; `best`: of best_settings().
Result<PrefetchRun> run_prefetch_policy(const std::string& policy, const PrefetchCourse& course,
                                        const PrefetchRun& best, std::uint64_t seed);

}  // namespace tier::sim
