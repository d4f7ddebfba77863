// For tests: runs a policy by name on a small machine and looks at what came of it.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "sim/policies/policy.h"
#include "sim/workloads/generators.h"

namespace tier::sim {

struct Trial {
  std::vector<WorkloadFactory> workloads;
  MachineDescription machine;
  PolicySettingsMap settings;
  std::uint64_t seed = 1;
  SamplingBudget sampling_budget = {};
};

struct Outcome {
  double seconds = 0;     // until all work was done
  double fast_share = 0;  // of the misses, served by the fastest tier
  double late_share = 0;  // the same in the last third of the time
  MachineTotals totals;
  Bytes moved() const { return totals.promoted + totals.demoted; }
};

inline std::vector<WorkloadFactory> parsed(const std::string& spec) {
  auto workloads = parse_workloads(spec);
  EXPECT_TRUE(workloads) << (workloads ? "" : workloads.error().text());
  return workloads ? *workloads : std::vector<WorkloadFactory>{};
}

// A preset whose fastest tier holds one part in 1 + `slow_parts` of what the workloads allocate.
inline Trial trial(const std::string& spec, double slow_parts = 8, const std::string& preset = "ddr5-cxl") {
  Trial trial;
  trial.workloads = parsed(spec);
  Bytes resident;
  for (const WorkloadFactory& open : trial.workloads) {
    const auto workload = open();
    resident += Bytes{(*workload)->info().region_size.value * (*workload)->info().regions};
  }
  trial.machine = with_ratio(*machine_preset(preset), resident, slow_parts);
  return trial;
}

inline const PolicyEntry* find_policy(const std::string& name) {
  const auto table = policy_table();
  const auto found =
      std::find_if(table.begin(), table.end(), [&](const PolicyEntry& entry) { return name == entry.name; });
  return found == table.end() ? nullptr : &*found;
}

inline Outcome run(const std::string& name, const Trial& trial) {
  Outcome outcome;
  const PolicyEntry* entry = find_policy(name);
  EXPECT_NE(entry, nullptr) << name;
  if (entry == nullptr) return outcome;
  auto policy = entry->make({trial.workloads, trial.seed, trial.settings, trial.sampling_budget});
  EXPECT_TRUE(policy) << name << ": " << (policy ? "" : policy.error().text());
  if (!policy) return outcome;
  std::vector<std::unique_ptr<Workload>> workloads;
  for (const WorkloadFactory& open : trial.workloads) workloads.push_back(*open());
  Machine machine(trial.machine, std::move(workloads), **policy, trial.seed);
  (*policy)->start(machine);
  const auto started = machine.start();
  EXPECT_TRUE(started) << name << ": " << (started ? "" : started.error().text());
  if (!started) return outcome;

  struct Moment {
    Nanoseconds time{};
    double fast = 0, all = 0;
  };
  std::vector<Moment> history;
  const auto look = [&] {
    Moment moment{machine.now(), machine.totals().tiers[0].misses, 0};
    for (const TierTotals& tier : machine.totals().tiers) moment.all += tier.misses;
    history.push_back(moment);
  };
  constexpr Nanoseconds kLook = std::chrono::milliseconds(500);
  for (Nanoseconds next{}; !machine.done() && machine.now() < std::chrono::hours(1);) {
    if (machine.now() >= next) next = std::max((*policy)->step(machine), machine.now() + Nanoseconds{1});
    if (next > machine.now()) machine.advance(std::min(next - machine.now(), kLook));
    if (history.empty() || machine.now() >= history.back().time + kLook) look();
  }
  look();
  EXPECT_TRUE(machine.done()) << name;
  EXPECT_FALSE(machine.error()) << name << ": " << (machine.error() ? machine.error()->text() : "");
  outcome.seconds = seconds(machine.now());
  outcome.totals = machine.totals();
  outcome.fast_share = history.back().fast / history.back().all;
  const auto late = std::find_if(history.begin(), history.end(),
                                 [&](const Moment& m) { return m.time >= machine.now() * 2 / 3; });
  outcome.late_share = (history.back().fast - late->fast) / (history.back().all - late->all);
  return outcome;
}

}  // namespace tier::sim
