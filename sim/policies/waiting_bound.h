// A lower bound of what programs wait, which no policy on the simulated machine passes: beside the oracles,
// which are policies themselves and so only as good as their heuristics.
#pragma once

#include <vector>

#include "core/result.h"
#include "sim/machine/description.h"
#include "sim/workload.h"

namespace tier::sim {

// Thread-seconds, over the whole run. Errors are those of the workloads.
//
// Derivation. While a job is in one of its intervals, it waits at a rate of S(x) thread-seconds per interval
// that depends on the placement x of the moment. Every v gives S(x) >= min(v, g(v)), with
//   tau(v) = max over targets of (compute + v) / threads,
//   g(v)   = the least sum over x of a_r · L_t - h_r · min(L_t, lead_t), r region, t its tier,
//            L_t = unloaded latency · load curve((traffic of x on t / tau(v) + background) / bandwidth):
// if S(x) < v, the interval takes at most tau(v), so its traffic is at least what g(v) reckons with; load
// curves do not fall, and neither does a wait in L, since h <= a. g falls with v, so bisection finds the
// best. As S(x) is bounded for every x, so is an interval in which regions move, of which each x does a part.
// What is relaxed: moves take no time, no traffic and cost nothing, nor does sampling; regions may be divided
// among tiers; each job has all of the fastest tier to itself, with no traffic of the others; regions that
// are not asked for in an interval take no room; slower tiers have room for everything.
//
// With two tiers g(v) is bounded from below in turn: the slow tier's share of the traffic is cut into cells.
// In a cell latencies are at least those of its least traffic on either tier, and the sum that is then linear
// in x has the Lagrangian dual of the cell's traffic as its bound, whatever the multiplier. With any other
// number of tiers all regions lie where they wait least, unloaded.
// The machine solves latencies to some thousandths: a hundredth is given away for that.
Result<double> least_waiting(const MachineDescription& machine,
                             const std::vector<WorkloadFactory>& workloads);

}  // namespace tier::sim
