// What a suite's results say of each policy.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"

namespace tier::sim {

// The oracle's gain over none, as a share of what none loses, below which a case has no gap to close.
inline constexpr double kWorthwhile = 0.01;
// What a gap counts for at least in the geometric mean: a policy that loses has no logarithm.
inline constexpr double kGapFloor = 0.01;

struct Worst {
  double value = 0;
  std::string where;
};

// One policy on one workload, machine, ratio and sampling rate, with its published constants unless it says
// "tuned". Means over the seeds; the worst is one seed's.
struct Score {
  double lost = 0;               // thread-seconds lost to memory and its management
  double modelled = 0;           // seconds
  std::optional<double> gap;     // closed of (none - oracle); none where there is nothing to gain
  std::optional<Worst> worst;    // gap; over the seeds that have one
  double slowdown = 0;           // modelled time over none's, minus 1
  Worst slowest;                 // the same, over the seeds
  double regret = 0;             // lost over the oracle's, minus 1
  double moved = 0, useful = 0;  // bytes
  std::optional<double> tuned;   // lost with the best point of its sweep, where that ran
};

struct Case {
  std::string workload, machine;
  double ratio = 0;
  double rate = 0;                            // samples a second of those that sample; 0: no rate was named
  double all_fast = 0, none = 0, oracle = 0;  // lost, thread-seconds; oracle: the best of all oracles' runs
  std::optional<double> bound;                // thread-seconds that no policy loses less than, where known
  std::string oracle_name;
  std::map<std::string, Score> scores;  // by policy
  std::string name() const;             // without the rate
};

// Of the cases with something to gain.
struct Gaps {
  double median = 0, mean = 0;
  double geomean = 0;        // each below kGapFloor counted as kGapFloor
  std::size_t at_floor = 0;  // how many are
  Worst worst;
};

struct PolicySummary {
  std::string policy;
  bool oracle = false;
  std::size_t cases = 0;
  std::size_t excluded = 0;  // of them: nothing to gain, so that no gap of theirs is among `gaps`
  // Of all cases together, excluded ones too.
  double lost = 0;                        // thread-seconds
  std::optional<double> pooled;           // (none - lost) / (none - oracle), where the oracle gains
  std::optional<double> pooled_to_bound;  // the same to the bound, where it is known for all of them
  std::optional<Gaps> gaps;
  double slowdown_mean = 0;
  Worst slowdown_worst;
  double regret_mean = 0;
  Worst regret_worst;
  double moved_per_useful = 0;  // bytes, all cases together; 0 where nothing was moved, infinite (null in
                                // JSON) where all was in vain
  // Lost over the best point of its own sweep, minus 1; and tierd's over it. Means, where sweeps ran.
  std::optional<double> to_tuned, tierd_to_tuned;
};

// Every policy at one sampling rate, on one machine or on all.
struct Table {
  double rate = 0;      // 0: the suite names none
  std::string machine;  // empty: all machines together
  // Those that ran every case first, among them least lost first.
  std::vector<PolicySummary> policies;
};

struct Summary {
  std::vector<Case> cases;
  // By rate; of each a table for every machine, where there are several, and one of all.
  std::vector<Table> tables;
  std::vector<std::uint64_t> seeds;
  std::vector<std::string> failed;  // cells that gave an error
  std::vector<std::string> notes;   // the suite's: what was left out
};

// kUsage: not results of a suite, or "none" or every oracle is missing from a case.
Result<Summary> summarise(const nlohmann::json& results);
nlohmann::json to_json(const Summary& summary);
// For a terminal.
std::string summary_table(const Summary& summary);
std::string case_table(const Summary& summary);

}  // namespace tier::sim
