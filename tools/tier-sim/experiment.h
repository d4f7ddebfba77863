// One simulated run: which workload, machine, ratio, policy and seed, and what came of it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/result.h"
#include "sim/machine/description.h"
#include "sim/policies/policy.h"
#include "tools/tier-sim/picture.h"

namespace tier::sim {

struct Experiment {
  std::string workload;  // as parse_workloads() takes it
  std::string machine;   // a preset's name, or a file that ends in .toml
  double ratio = 8;      // fast:slow 1:ratio; 0: all of it is fast; below 0: the machine's own capacities
  std::string policy;
  PolicySettingsMap settings;  // overrides of the policy's constants
  std::uint64_t seed = 1;
  double sampling_budget = 0;  // share of one CPU, see PolicyContext
  double sampling_rate = 0;    // samples a second, the same
  // What tables call the workload where it is not its specification: before a suite's seed went into it.
  std::string base = {};

  bool operator==(const Experiment&) const = default;
};

nlohmann::json to_json(const Experiment& experiment);
// One line that tells experiments apart: the workload's whole specification, every setting.
std::string key_of(const Experiment& experiment);
// "published" or "horizon=4,rate=2": of a sweep's point.
std::string settings_text(const PolicySettingsMap& settings);

// What to say of a run of that many modelled seconds that is too short to judge a policy by; empty of others.
std::string too_short(double modelled);

// The registered rivals and oracles, and tierd.
const std::vector<PolicyEntry>& all_policies();
Result<PolicyEntry> policy_called(const std::string& name);  // kUsage lists the names
Result<MachineDescription> machine_called(const std::string& name);

struct Outcome {
  double modelled = 0;      // seconds
  double compute = 0;       // thread-seconds
  double stall = 0;         // thread-seconds
  double interference = 0;  // thread-seconds
  double fast_share = 0;    // of all misses, served by the fastest tier
  Bytes promoted, demoted, useful;
  std::uint64_t moves = 0, refused = 0;
  std::vector<TierTotals> tiers;
  double cpu =
      0;  // seconds of one core it took to simulate; not part of to_json(), which is the same every time

  // What the programs lost to memory and to those who manage it.
  double lost() const { return stall + interference; }
};
nlohmann::json to_json(const Outcome& outcome);

// Regions down, time across: what each was asked for, and where it lay.
struct HeatGrid {
  std::size_t rows = 96;                   // at most; neighbours are joined
  double column = 1;                       // seconds of modelled time
  std::size_t regions = 0;                 // that the rows stand for
  std::uint64_t region_size = 0;           // bytes
  std::vector<std::vector<float>> demand;  // by column, then row: serialised accesses per second
  // Alike: share of the row's allocated regions that lie in the fastest tier; not a number where there are
  // none.
  std::vector<std::vector<float>> fast;
  std::vector<RegionName> names;  // of every region, as its workload has it
};

// `heat` is filled where it is not null.
Result<Outcome> run_experiment(const Experiment& experiment, HeatGrid* heat = nullptr);

// Thread-seconds that no policy can lose less than (sim/policies/waiting_bound.h), in a run of the
// experiment's workload on its machine; policy, settings and seed do not matter.
Result<double> bound_of(const Experiment& experiment);

// Most memory that the workloads hold at once. Reads them once; remembered by specification. Thread-safe.
Result<Bytes> resident_of(const std::string& workload);

}  // namespace tier::sim
