// Who decides what lies where on a simulated machine: tierd's own code, its rivals, the oracles.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sim/machine/machine.h"
#include "sim/machine/sampling.h"

namespace tier::sim {

// Not thread-safe; one machine each.
class TieringPolicy : public Placer {
 public:
  // First touch: the fastest tier with room.
  int place(const Machine&, Region) override { return 0; }
  virtual void start(Machine&) {}  // attach samplers here
  // Does what is due at machine.now(); returns the time at which it wants to be called next, later than now.
  virtual Nanoseconds step(Machine& machine) = 0;
};

// Settings by name, for sweeps: overrides of the published constants. Unknown names are refused.
using PolicySettingsMap = std::map<std::string, double>;

struct PolicyContext {
  std::vector<WorkloadFactory> workloads;  // the same that the machine runs: only oracles may look
  std::uint64_t seed = 1;
  PolicySettingsMap settings;
  // What address samples may take, at their true prices. Without a bound each policy samples as published.
  SamplingBudget sampling_budget = {};
};

struct PolicyEntry {
  const char* name;
  const char* description;  // one sentence, and the paper
  bool oracle = false;      // knows the future
  std::function<Result<std::unique_ptr<TieringPolicy>>(const PolicyContext&)> make;
  // The small sweep from which "its best-tuned setting" comes; first: the published constants ({}).
  std::vector<PolicySettingsMap> sweep;
  bool samples = false;  // takes address samples: what it does depends on the sampling budget
};

// Every policy there is. A new one is one file and one line here.
std::span<const PolicyEntry> policy_table();

}  // namespace tier::sim
