// Runs a policy on a machine to the end of its work.
#pragma once

#include <functional>

#include "sim/policies/policy.h"

namespace tier::sim {

struct RunOptions {
  Nanoseconds most = std::chrono::hours(24);  // modelled
  // Called about every `every` of modelled time, and at the end.
  Nanoseconds every = std::chrono::seconds(1);
  std::function<void(const Machine&)> watch;
};

// Starts the machine and the policy. Errors of the machine's workloads, and of a limit that came first.
Result<void> run(Machine& machine, TieringPolicy& policy, const RunOptions& options = {});

}  // namespace tier::sim
