// From counts to a verdict: shares, oracles, stall, cost. Pure arithmetic over one run's record.
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "tools/tier-lab/record.h"
#include "tools/tier-lab/scenario.h"

namespace tier::lab {

// Half-open range of user addresses.
struct Span {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
};

struct PeriodVerdict {
  double fast_share = 0;           // of the workload's user misses, served from the fast node
  double oracle_share = 0;         // if the K busiest regions of this very period had been there
  double static_oracle_share = 0;  // if the K busiest regions of the whole run had been there throughout
  std::uint64_t misses = 0;        // of the workload
  std::vector<std::uint64_t> misses_by_node;
  double stall_s = 0;          // misses times the node's read latency
  double kernel_stall_s = 0;   // the kernel's own misses: what moving pages costs, among others
  double waited_s = 0;         // what the workload's misses were charged; 0 without the waiting clock
  double kernel_waited_s = 0;  // the kernel's own
  std::uint64_t kernel_misses = 0;
  double progress = 0;  // the workload's own operations in this period
};

struct HeatCell {
  std::uint64_t misses = 0;
  int node = -1;  // that served most of them; -1 without misses
};

// What a client measured of its own waits, in microseconds of the guest's clock.
struct ClientLatency {
  double p50_us = 0;
  double p99_us = 0;
  double p999_us = 0;
};

struct Verdict {
  std::vector<PeriodVerdict> periods;
  std::size_t capacity_regions = 0;  // K: free 2 MiB units of the fast node before the workload started
  double fast_share = 0;             // means over the run, weighted by misses
  double oracle_share = 0;
  double static_oracle_share = 0;
  double of_oracle = 0;         // fast_share / oracle_share
  double mean_of_oracle = 0;    // mean over periods of share / oracle
  double reached_s = -1;        // end of the first period from which 90 % of the oracle is kept; -1: never
  double first_reached_s = -1;  // end of the first period with 90 % of the oracle
  std::uint64_t misses = 0;
  double stall_s = 0;
  double all_fast_stall_s = 0;
  double oracle_stall_s = 0;
  double kernel_stall_s = 0;
  double waited_s = 0;  // charged to the guest's clock, with the waiting clock
  double kernel_waited_s = 0;
  double stall_per_million_misses_ms = 0;
  double stall_per_million_ops_s = 0;  // user and kernel stall together; 0 without progress
  std::int64_t moved_up_mib = -1;      // by the kernel's own counters; -1 where it has none for this tool
  std::int64_t moved_down_mib = -1;
  std::int64_t migrated_mib = 0;    // all migrations, both ways
  std::size_t regions_seen_up = 0;  // changes of a region's serving node, seen in the counts
  std::size_t regions_seen_down = 0;
  double kernel_threads_cpu = 0;  // the part of tool_cpu that kdamond, kswapd, kcompactd and khugepaged take
  double tool_cpu = 0;  // CPU seconds a second: the tool's process and the kernel threads it makes work
  double tool_clock_share = 0;  // of the clock: what that took from everybody else
  std::int64_t tool_rss_kib = 0;
  double workload_cpu = 0;
  double progress = 0;
  std::optional<ClientLatency> latency;  // over the run; none where no client measures it
  // Operations in a second of the guest's clock, which all vCPUs share: while a tool runs, the program does
  // not.
  double progress_per_s = 0;
  // The same with the tool's CPU time given back, as on a machine that has an idle CPU for it.
  double progress_per_s_alone = 0;
  // The same with the part of it taken that would be the tool's in the machine's own time. What a tool does
  // once a second it does four times as often for the same work of a program whose machine is slowed down
  // four times.
  double progress_per_machine_s = 0;
  double oracle_progress_per_s = 0;                     // as oracle.h has it; 0 without the waiting clock
  std::uint64_t oracle_moves = 0;                       // regions
  std::map<std::uint64_t, std::vector<HeatCell>> heat;  // region -> one cell for each period
};

// Every span that the workload has had mapped at any tick.
std::vector<Span> workload_spans(const RunRecord& record);

// Keeps the regions that touch one of the spans; all of them when there are none.
std::vector<RegionCounts> only_within(const std::vector<RegionCounts>& regions,
                                      const std::vector<Span>& spans);

// Sum of the `capacity` largest totals.
std::uint64_t top_sum(std::vector<std::uint64_t> totals, std::size_t capacity);

// The end, in seconds, of the first period from which share >= 0.9 * oracle holds in every later period; -1
// when it never does.
double kept_from(const std::vector<PeriodVerdict>& periods, double period_s);

// Reads a running total as programs print it, "N" or "N latency_us P50 P99 P999"; nullopt where there are no
// three numbers in order of size.
std::optional<ClientLatency> latency_in(const std::string& progress);

// Errors (kFailed): no periods, no ticks, or no misses at all in the whole run.
Result<Verdict> judge(const Scenario& scenario, const RunRecord& record);

}  // namespace tier::lab
