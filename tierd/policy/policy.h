// Decides which regions move where, in seconds of stall. Pure: the same input gives the same plan.
//
// Benefit of holding region r on node a instead of b over the next H seconds: H · demand(r, H) · (L_b - L_a)
// seconds, with loaded latencies. Part of the forecast's doubt speaks against a promotion, and against a
// demotion. A swap is made while benefit(in) - benefit(out) > margin · (cost(in) + cost(out)) for the
// shortest of the horizons for which it is so, if it loses in none that is shorter: what is wanted later can
// wait.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/forecast.h"
#include "core/plan.h"
#include "core/region.h"
#include "core/target.h"
#include "core/topology.h"

namespace tier {

// Each with default, unit and reason.
struct PolicySettings {
  // Within which a move must pay for itself: kSpans up to it are looked at, the first at least. With all of
  // them a phase that lasts ten seconds or more is worth following.
  Nanoseconds horizon = std::chrono::seconds(16);
  // How much of the forecast's uncertainty counts, 0..1: 0 is its mean; 1 puts what a promotion gains at the
  // low quantile, what a demotion loses at the high one. A promotion on thin evidence buys noise, and being
  // sure takes time: at 0.75, 1.4 to 1.7 points more of the gap to the oracle are closed than at 1 (34
  // simulated cases, docs/benchmarks.md), and at 0.5, with four ticks a second, 2 more. A demotion on thin
  // evidence is undone a few ticks later, while waiting for certainty that a region has gone cold keeps the
  // new hot one out: measured on a hot set that moves every 20 ticks, 1 instead of 0.1 loses 15 of 100
  // accesses from the fast tier (closed_loop_test.cpp). Times ForecastSet::caution.
  double promotion_caution = 0.5;
  double demotion_caution = 0.1;
  // Least price of a second of our own move work, in seconds of stall. Where CPUs are idle nobody waits for
  // that work; where programs queue for CPUs it takes time from them, so the share of time they queue (PSI)
  // is the price if it is higher. Never free: it uses caches and memory bandwidth.
  double least_work_price = 0.1;
  // Most bytes per second that plans move, both directions together; one swap a tick is always allowed.
  Bytes rate = 1_GiB;
  // Share of each node of a faster tier kept free while watched programs allocate: their new memory is
  // usually hot and should land there. At any time a place for swaps to go through is left, of two regions if
  // the share is not less.
  double headroom_share = 0.02;
  // Of watched programs' allocation that the free space must hold, two ticks at least, if that is more than
  // the share. With half a second, all that four ticks a second need, a graph that fills its memory in the
  // lab was 1.11 times as fast as without tiering, with two seconds 1.55 times.
  Nanoseconds headroom_time = std::chrono::seconds(2);
  // Headroom never exceeds this share of a node, or a burst of allocation would empty it: with a quarter of a
  // node, a program that filled its memory in the lab had its hot regions pushed out ahead of cold new pages
  // (332 MiB demoted).
  double headroom_limit = 0.05;
  // A region stays so long after a move, two ticks at least, whatever the forecast: its place and what it is
  // asked for there must be seen first. Costs and margin stop ping-pong; more keeps regions of short bursts
  // out (six seconds 71 %, three 80 %, one 82 % of the gap closed, docs/benchmarks.md).
  Nanoseconds cooldown = std::chrono::milliseconds(500);
  // cgroup -> most of each faster tier's memory that its processes and those of cgroups below hold together,
  // 0..1. The innermost cgroup named counts. What is above is demoted, the least wanted first.
  std::map<std::string, double> fast_limits;
  // Nodes never moved to nor from.
  std::vector<NodeId> excluded_nodes;
  // File pages are moved too; programs wait for them alike.
  bool move_file_pages = true;
};

// What a move costs now: fixed + bytes · per byte, as measured by the migrator. The defaults are 500 µs for
// draining every CPU's page lists and a copy at 4 GB/s.
struct MovePrices {
  Nanoseconds fixed = std::chrono::microseconds(500);
  double promote_seconds_per_byte = 0.25e-9;
  double demote_seconds_per_byte = 0.25e-9;
};

// Allocation into one node, see AllocationMeter.
struct NodeAllocation {
  NodeId node;
  Bytes per_second;
};

// What programs allocate, see NewMemoryMeter. Memory of programs that nobody watches is worth nothing here.
struct NewMemory {
  double watched = 0, allocated = 0;      // bytes lately, discounted: by watched programs, by all
  std::optional<double> demand_per_byte;  // accesses a second of what they filled lately; none: not seen yet
  double lasting = 0;                     // of `watched`, what they grew by beyond all that they ever held
  double watched_share() const { return allocated > watched ? watched / allocated : 1; }
};

// References must outlive the call. A region whose target is not in `targets`, or whose target allows no
// nodes, is left alone.
struct PolicyInput {
  const RegionSnapshot& snapshot;
  const ForecastSet& forecasts;  // of this snapshot, same order; otherwise the plan is empty
  const TierTopology& topology;
  const SystemState& system;
  std::span<const Target> targets;
  std::span<const NodeAllocation> allocation;
  MovePrices prices;
  double margin = 1.0;                // Ledger::margin()
  double least_margin = 1.0;          // swaps that promise more than this are told as declined
  std::uint64_t next_request_id = 1;  // requests are numbered from here
  const PolicySettings& settings;
  NewMemory new_memory = {};
  // By key. These regions are left alone, as winners and as victims. What they take is gone from their
  // destination's free memory, and what they free is not there yet.
  std::span<const MoveUnderWay> moving = {};
  Bytes planned = {};  // of this tick's budget, by earlier plans
};

// Requests in an order in which each fits into what is free when its turn comes.
MigrationPlan make_plan(const PolicyInput& input);

// Between ticks: promotions of these regions alone (sorted), by the same arithmetic, and what must make room
// for them. `input` need hold no other regions of the slowest tier.
MigrationPlan make_urgent_plan(const PolicyInput& input, std::span<const RegionKey> winners);

// Where one region stands, for `tierctl explain`.
struct Standing {
  std::string why;                            // one sentence
  std::optional<NodeId> better;               // best node of a faster tier that it may use
  std::optional<StallSeconds> benefit, cost;  // of moving it there, over the horizon
};
Standing explain_standing(const PolicyInput& input, const RegionKey& key);

}  // namespace tier
