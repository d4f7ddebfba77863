// Loaded latency of every tier, from the load curves and the traffic that results. Private to the machine.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "sim/machine/job.h"

namespace tier::sim {

// Latency factor at a utilisation. Above 1, which only a solver's trial reaches, it goes on rising steeply.
double load_factor(const TierDescription& tier, double utilisation);

struct LoadState {
  PerTier latency{};  // seconds, loaded
  PerTier traffic{};  // bytes per second, everything
};

// Finds the latencies at which the programs' pace gives just the traffic that gives those latencies.
// `extra` is traffic that does not depend on them: migration. Starts from `state`, so that small changes are
// cheap.
void solve_load(const MachineDescription& machine, std::span<const std::unique_ptr<Job>> jobs,
                const PerTier& extra, LoadState& state);

}  // namespace tier::sim
