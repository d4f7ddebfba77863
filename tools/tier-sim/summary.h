// What a suite's results say of each policy.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"

namespace tier::sim {

// One policy on one workload, machine and ratio, with its published constants unless it says "tuned".
struct Score {
  double lost = 0;               // thread-seconds lost to memory and its management
  double modelled = 0;           // seconds
  std::optional<double> gap;     // closed of (none - oracle); none where there is nothing to gain
  double slowdown = 0;           // modelled time over none's, minus 1
  double regret = 0;             // lost over the oracle's, minus 1
  double moved = 0, useful = 0;  // bytes
  std::optional<double> tuned;   // lost with the best point of its sweep, where that ran
};

struct Case {
  std::string workload, machine;
  double ratio = 0;
  double all_fast = 0, none = 0, oracle = 0;  // lost, thread-seconds; oracle: the best of all oracles' runs
  std::optional<double> bound;                // thread-seconds that no policy loses less than, where known
  std::string oracle_name;
  std::map<std::string, Score> scores;  // by policy
  std::string name() const;
};

struct Worst {
  double value = 0;
  std::string where;
};

struct PolicySummary {
  std::string policy;
  bool oracle = false;
  std::size_t cases = 0;
  // Of the cases with something to gain (oracle at least 1 % better than none). The geometric mean takes
  // anything below 0.01 as 0.01: a policy that loses has no logarithm.
  double gap_geomean = 0, gap_mean = 0;
  Worst gap_worst;
  double slowdown_mean = 0;
  Worst slowdown_worst;
  double regret_mean = 0;
  Worst regret_worst;
  double moved_per_useful = 0;  // bytes, all cases together; 0 where nothing was moved, infinite (null in
                                // JSON) where all was in vain
  // Lost over the best point of its own sweep, minus 1; and tierd's over it. Means, where sweeps ran.
  std::optional<double> to_tuned, tierd_to_tuned;
};

struct Summary {
  std::vector<Case> cases;
  std::vector<PolicySummary> policies;  // best mean gap first
  std::vector<std::string> failed;      // cells that gave an error
};

// kUsage: not results of a suite, or "none" or every oracle is missing from a case.
Result<Summary> summarise(const nlohmann::json& results);
nlohmann::json to_json(const Summary& summary);
// For a terminal.
std::string summary_table(const Summary& summary);
std::string case_table(const Summary& summary);

}  // namespace tier::sim
