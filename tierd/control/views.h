// What the daemon shows to people and programs: one plain struct per view.
// Bytes, nanoseconds and seconds are raw numbers with the unit in the name; a missing fact is nullopt (JSON
// null). Fields may be added within a schema version, never renamed or removed (docs/operations.md). Rows
// carry the uid of the process they are about: the server leaves out the rows a caller may not see.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tierd/control/reading_view.h"
#include "tierd/control/trouble_view.h"
#include "tierd/control/views_prefetch.h"

namespace tier {

// Rows and events about the machine or the daemon itself, not about one process.
inline constexpr std::int64_t kNobody = -1;

struct RivalView {
  std::string name;    // "kernel NUMA balancing (tiering mode)", "DAMON (kdamond 0)", …
  std::string advice;  // what the admin may do
};

// One access source: SourceStatus and SampleCounters of core/access_sample.h.
struct SourceView {
  std::string name;
  std::string fidelity;  // one sentence: what was measured at start
  double samples_per_second = 0;
  std::int64_t price_per_sample_ns = 0;
  double cpu_share = 0;  // of one CPU, over the last interval
  std::uint64_t taken = 0, delivered = 0, computing = 0, undecoded = 0, deferred = 0, foreign = 0, lost = 0;
};

struct TierView {
  int rank = 0;  // 0 is the fastest
  std::vector<int> nodes;
  std::int64_t unloaded_latency_ns = 0;
  std::uint64_t total_bytes = 0, free_bytes = 0;
  // Of the watched processes, in regions whose place was asked for; null: none here, and not all were asked.
  std::optional<std::uint64_t> resident_bytes;
  std::optional<double> demand_share;  // of the sampled demand of the last interval, 0..1
};

// Sums over the daemon's life. requested = moved + already_there + absent + marked + dropped + sum(failed).
struct PagesView {
  // marked: resident, but left alone, since NUMA balancing has marked them and this kernel hides such pages.
  std::uint64_t requested = 0, moved = 0, already_there = 0, absent = 0, marked = 0, dropped = 0;
  std::map<std::string, std::uint64_t> failed;  // by errno name: "EBUSY", "ENOMEM", …
};

struct MigratorView {
  std::uint64_t requests = 0;  // moves asked for
  std::uint64_t stale = 0, cancelled = 0, target_gone = 0;
  std::uint64_t promoted_bytes = 0, demoted_bytes = 0;
  std::uint64_t rate_limit_bytes_per_second = 0;  // 0 = no limit
  double seconds = 0;                             // spent in move calls
  std::uint64_t made_visible = 0;  // pages that NUMA balancing had marked, read before they were moved
};

struct LedgerView {
  std::uint64_t decisions = 0, scored = 0;
  // Of the scored; the others had no effect or lost their target.
  std::uint64_t useful = 0, wasted = 0, harmful = 0;
  double margin = 1;                     // times its cost that a move must promise; learnt from the scores
  double expected_saved_seconds = 0;     // by the forecasts, of the scored decisions
  double stall_saved_seconds = 0;        // by what happened after, the scored decisions' costs subtracted
  double move_cost_seconds = 0;          // of all moves
  std::optional<double> regret_seconds;  // against the per-epoch oracle
  // Of the scored: moved nothing; lost their target or region before their horizon had passed.
  std::uint64_t without_effect = 0, unknown = 0;
  // Of the useful: demotions by themselves, which earn nothing and lost no more than foreseen.
  std::uint64_t foreseen = 0;
  double unscored_cost_seconds = 0;  // of move_cost_seconds, of moves that have no score yet
  // What memory waited less where moves have put it than where it lay first, all costs subtracted; none where
  // nothing was moved.
  std::optional<double> placed_saved_seconds;
};

// What tierd itself uses.
// What one part of a tick takes, in seconds a second of wall time, over about the last half minute.
struct StageView {
  std::string name;
  double share = 0;
};

struct SelfCostView {
  double cpu_seconds = 0;  // user + system since start
  double cpu_share = 0;    // CPU seconds per second, over the last interval
  // The same over about the last half minute, apart: for looking (what daemon.cpu_limit bounds, with
  // what samples take in the programs' time: a source's cpu_share) and for moving pages (bounded by what
  // moves bring and by migration.rate).
  double observing_cpu_share = 0, moving_cpu_share = 0;
  std::vector<StageView> stages;  // of ticks, in their order
  std::uint64_t resident_bytes = 0;
  std::optional<double> bytes_per_managed_gib;
};

// One thing known of the node as a whole; names and units as NodeMetric of core/node_context.h.
struct MetricView {
  std::string name;
  std::optional<double> value;  // null: no such sensor here
};

// Whether the access sources show what the watched programs do; see tierd/daemon/sight.h.
struct SightView {
  std::string state;         // "starting", "sees", "idle", "blind"
  std::string reason;        // one sentence
  bool may_move = false;     // false: nothing is moved just now for want of sight
  std::uint64_t unseen = 0;  // watched programs that use CPU and get no samples, while others do
};

// A meter of the node (docs/operations.md, "Meters").
struct MeterStateView {
  std::string name;
  bool used = false;      // it runs
  bool delivers = false;  // lately it gave at least one sound rate
  std::string reason;     // what it gives; or why it does not run or does not deliver
};

struct StatusView {
  std::string schema = "io.tierd.status/1";
  std::string version;
  std::string mode;  // "observe" or "act"
  bool paused = false;
  double uptime_seconds = 0;
  std::uint64_t ticks = 0;
  double interval_seconds = 0;   // from tick to tick, now
  double tick_work_seconds = 0;  // the last tick's work
  std::uint64_t targets = 0;
  std::uint64_t regions = 0;
  std::uint64_t managed_bytes = 0;  // mapped by the watched processes, what they share once
  std::string forecaster;
  std::vector<SourceView> sources;
  std::vector<TierView> tiers;
  std::optional<double> hit_share;        // fast share of sampled demand, last interval, 0..1
  std::optional<double> hit_share_total;  // the same since start
  LedgerView ledger;
  PagesView pages;
  MigratorView migrator;
  SelfCostView self;
  std::vector<MetricView> metrics;  // what the forecaster is told of the node; all there could be
  std::vector<MeterStateView> meters;
  std::string last_error;  // empty when none; hidden from callers without privilege
  std::vector<RivalView> rivals;
  SightView sight;
  std::vector<TroubleView> troubles;  // the last one first; hidden from callers without privilege
  std::uint64_t late_ticks = 0;       // that took longer than their interval
  double worst_tick_seconds = 0;      // since start
  std::string worst_tick_phase;       // what took most of it
  double cpu_limit = 0;               // of one CPU: daemon.cpu_limit, or more where more is at stake
  std::string thinning;               // what is looked at more rarely to keep it; empty: nothing
  // What the watched processes hold, as the kernel counts it for each of them, and how much of it lies in
  // regions whose place was asked for. Regions that were never sampled are not asked for, but in turn.
  std::uint64_t held_bytes = 0, located_bytes = 0;
  std::optional<double> located_demand_share;  // of the sampled demand of the last tick
  ReadingView reading;
  std::string model;  // of the learned forecaster: why it is refused; empty: it is read, or not used
  std::vector<std::string> unmatched;  // what [targets] names and no process matches; a sentence for each
};

struct FeatureView {
  std::string name;
  bool present = false;
  std::string first_kernel;  // first mainline version that has it
  std::string reason;        // what the probe saw when absent
  std::string fix;
};

struct SourceChoiceView {
  std::string name;
  bool chosen = false;
  std::string reason;  // why, or why not
  std::string sight;   // of a source that runs: "starting", "sees", "idle", "blind"; else empty
};

struct LatencyView {
  int node = 0;
  std::optional<std::int64_t> latency_ns;
  std::string source;  // "firmware", "probe", "distance", "config", "unknown"
};

struct CapabilityView {
  std::string name;  // "CAP_BPF", …
  bool held = false;
  std::string needed_for;
};

// Something around this process that takes from what it may see or do: a namespace, a cpuset, lockdown.
struct LimitView {
  std::string name;
  bool limits = false;
  std::string reason;  // what was found, and what it means
  std::string fix;     // empty when nothing need be done
};

// Of a limit that says what [targets] names and no process matches.
inline constexpr const char* kUnmatchedFix = "correct [targets] of the configuration, or start the program";

struct DoctorView {
  std::string schema = "io.tierd.doctor/1";
  bool daemon_running = false;
  std::string kernel;  // release
  bool tiered = false;
  bool can_observe = false, can_act = false;
  std::string verdict;  // one sentence
  std::vector<FeatureView> features;
  std::vector<SourceChoiceView> sources;
  std::vector<LatencyView> latencies;
  std::vector<CapabilityView> capabilities;
  std::vector<MeterStateView> meters;  // empty without the daemon: nothing is started to find out
  std::vector<RivalView> rivals;
  std::vector<LimitView> limits;
  SightView sight;      // of the running daemon; state empty without one
  ReadingView reading;  // likewise, interface empty without one
};

struct NodeView {
  int node = 0;
  int tier = -1;  // rank; -1 when in none
  bool online = true;
  bool has_cpus = false;
  std::uint64_t total_bytes = 0, free_bytes = 0;
  std::optional<std::int64_t> unloaded_latency_ns, loaded_latency_ns;
  std::string latency_source;
  std::optional<std::uint64_t> read_bytes_per_second;  // it can deliver at most
  std::optional<double> used_bytes_per_second;         // read and written, as counted; null: not counted
  std::vector<int> distances;                          // SLIT row
};

struct NodesView {
  std::string schema = "io.tierd.nodes/1";
  bool tiered = false;
  std::vector<NodeView> nodes;
  std::vector<TierView> tiers;
};

// One watched process, or memory that processes share; rates are of the last interval.
struct TopRow {
  std::int32_t pid = 0;  // of shared memory: of the process that has mapped it for longest, as uid and cgroup
  std::int64_t uid = kNobody;
  std::string name;
  std::string cgroup;
  std::uint64_t shared_by = 0;  // 0: a process with its own memory; else so many watched processes map this
  std::uint64_t regions = 0;
  std::uint64_t resident_bytes = 0;
  // In regions whose place was asked for; on the fastest tier, null where none was.
  std::uint64_t located_bytes = 0;
  std::optional<std::uint64_t> fast_bytes;
  double waited_seconds = 0;        // stall in the last interval, as sampled
  double demand = 0;                // equivalent serialised accesses in the last interval
  std::optional<double> hit_share;  // of its demand whose place is known
  std::uint64_t samples = 0;
  std::uint64_t promoted_bytes = 0, demoted_bytes = 0;  // since start
};

struct TopView {
  std::string schema = "io.tierd.top/1";
  double interval_seconds = 0;
  std::vector<TopRow> rows;   // most waiting first
  std::uint64_t hidden = 0;   // rows left out: other people's processes
  std::uint64_t omitted = 0;  // rows beyond the number that was asked for
};

// One region over time; the vectors are as long as HeatmapView::ticks.
struct HeatmapRow {
  std::int32_t pid = 0;
  std::int64_t uid = kNobody;
  std::string name;
  std::uint64_t start = 0, end = 0, shared_by = 0;  // addresses in that process; as TopRow's
  std::vector<double> demand;                       // per column
  std::vector<int> tier;  // rank that held it in that tick; -1 not resident or not known
  bool gone = false;      // its process is no longer watched; name and addresses are what they were
};

struct HeatmapView {
  std::string schema = "io.tierd.heatmap/1";
  double interval_seconds = 0;
  std::vector<std::uint64_t> ticks;  // oldest first
  std::vector<double> seconds;       // that each of them really covers
  std::vector<HeatmapRow> rows;      // by pid, then address
  std::uint64_t omitted = 0;         // regions with demand beyond the asked number
  std::uint64_t unrecorded = 0;  // most regions with demand that one of the ticks had beyond what is recorded
  std::uint64_t hidden = 0;      // rows left out: other people's processes
};

// One region in one tick.
struct SnapshotRegionView {
  std::uint64_t start = 0;    // address
  double demand = 0;          // tier-neutral accesses
  double waited_seconds = 0;  // as sampled, on the tier that served it
  double write_share = 0;     // 0..1
  std::string pages;          // "small", "huge", "unknown"
};

// Regions one behind the other.
struct HeldView {
  std::uint64_t start = 0;  // address
  std::uint64_t count = 0;  // regions
  std::string pages;        // "small", "huge", "unknown"
};

struct SnapshotTargetView {
  std::uint64_t id = 0;  // never given twice in the daemon's life, unlike a pid
  std::int32_t pid = 0;
  std::int64_t uid = kNobody;
  std::string name;
  std::vector<SnapshotRegionView> regions;    // those with demand, by address
  std::optional<std::vector<HeldView>> held;  // all that it is known to hold, by address; null: not told now
};

// What one tick saw, for recorders. Every watched process has a row.
struct SnapshotView {
  std::string schema = "io.tierd.snapshot/1";
  std::uint64_t tick = 0;        // 0 before the first
  std::int64_t interval_ns = 0;  // really elapsed
  std::uint64_t region_size_bytes = 0;
  bool has_stall = false;            // waited_seconds was measured, not derived from counted accesses
  std::vector<std::string> sources;  // names of the access sources
  std::vector<SnapshotTargetView> targets;
  std::uint64_t omitted = 0;  // regions with demand beyond what one answer carries, the least demanded
  std::uint64_t hidden = 0;   // targets left out: other people's processes
};

// One entry of the ledger.
struct DecisionView {
  std::uint64_t id = 0;
  std::uint64_t tick = 0;
  std::string reason;  // to_string(MoveReason)
  int from = -1, to = -1;
  std::string
      fate;  // to_string(MoveFate); "imagined" where nothing is moved; empty while it is being executed
  std::uint64_t moved_bytes = 0;
  double expected_benefit_seconds = 0, expected_cost_seconds = 0;
  std::optional<double> scored_benefit_seconds, measured_cost_seconds;
  std::string detail;
};

// Whom a forecaster that chooses between experts follows.
struct LeaderView {
  int horizon = 0;  // ticks ahead
  std::string expert;
};

// How much a part of the context counts in the learned forecast.
struct AttentionView {
  std::string token;
  double weight = 0;  // 0..1, together 1
};

struct ExplainView {
  std::string schema = "io.tierd.explain/1";
  std::int32_t pid = 0;
  std::int64_t uid = kNobody;
  std::string name;
  std::uint64_t address = 0;
  std::uint64_t region_start = 0, region_end = 0, shared_by = 0;  // shared_by: as TopRow's
  std::string mapping;                                            // file path, [heap], …
  bool mapped = true;                // false: not at the address itself; `mapping` is its region's first
  std::vector<std::string> sharers;  // "PID NAME" of those of the same owner, at most eight
  std::string backing;               // "anonymous", "file", "shared"
  std::string pages;                 // "small", "huge", "unknown"
  std::string pinned;                // empty when free to move, else why not
  int node = -1, tier = -1;
  std::uint64_t resident_bytes = 0;
  double demand = 0, waited_seconds = 0;                          // last interval
  double forecast_low = 0, forecast_mean = 0, forecast_high = 0;  // accesses a second
  std::vector<LeaderView> leaders;       // who forecast; empty where the forecaster chooses between none
  std::vector<AttentionView> attention;  // what it heeds, most first; empty without a trained network
  std::uint64_t age_ticks = 0, idle_ticks = 0;
  bool tracked = false;  // false: it was neither sampled nor asked for; the numbers above say nothing then
  std::string why;       // one sentence: why it is where it is
  std::optional<double> benefit_of_moving_seconds, cost_of_moving_seconds;
  std::vector<DecisionView> decisions;         // latest first
  std::optional<double> mappings_age_seconds;  // since they were read, where they have changed meanwhile
};

// One group of regions, since the present arrangement began.
struct ForecastGroupView {
  std::string forecaster;                // that it follows
  std::optional<std::uint64_t> regions;  // with demand or in a faster tier, last tick
  double waited_seconds = 0;             // stall with the cost of its moves
  double slowest_seconds = 0;            // stall, had all of it been on the slowest tier
  std::optional<double> waited_share;    // of it
};

// What the chosen forecast saves against the reactive one; negative: it loses. Intervals are of 95 %.
struct ForecastGainView {
  std::uint64_t ticks = 0;
  std::string
      verdict;  // "the forecast saves", "the forecast loses", "no difference", "not enough evidence yet"
  std::optional<double> saved_seconds, saved_seconds_low, saved_seconds_high;
  std::optional<double> saved_share, saved_share_low, saved_share_high;  // of the stall on the slowest tier
};

struct ForecastView {
  std::string schema = "io.tierd.forecast/1";
  std::string forecaster;  // chosen
  std::string reactive;    // that it is measured against
  bool compared = false;   // false: it is the reactive one itself, or there is no control group
  bool standing_back = false;
  std::vector<LeaderView> leaders;  // empty where it follows nobody
  double control_share = 0;         // of the regions
  std::uint64_t ticks = 0;          // since the present arrangement began
  double interval_seconds = 0;      // from tick to tick, now
  ForecastGroupView control, rest;
  ForecastGainView recent, stage, life;  // last hour of ticks, this arrangement, since start
};

struct Event {
  std::uint64_t sequence = 0;     // rises by one; gaps mean lost or hidden events
  std::int64_t time_unix_ns = 0;  // wall clock
  std::uint64_t tick = 0;
  std::string kind;  // "promoted" "demoted" "failed" "target-added" "target-gone" "mode" "paused" "resumed"
                     // "reloaded" "error" "rival" "forecaster" "prefetch" "sight" "source" "late" "limit"
  std::int32_t pid = 0;            // 0 when about no process
  std::int64_t uid = kNobody;      // owner of that process
  std::string actor;               // who asked for it: "uid 0 pid 12"; empty when tierd decided
  std::string message;             // for people
  std::uint64_t region_start = 0;  // 0 when about no region
  int from = -1, to = -1;
  std::uint64_t bytes = 0;
  double benefit_seconds = 0;
};

struct EventsView {
  std::string schema = "io.tierd.events/1";
  std::vector<Event> events;  // oldest first, sequence > since
  std::uint64_t next = 0;     // pass as `since` to continue
};

struct ConfigValueView {
  std::string key;     // "sampling.cpu_budget"
  std::string value;   // as TOML text
  std::string origin;  // "default" or "FILE:LINE"
};

struct ConfigView {
  std::string schema = "io.tierd.config/1";
  std::vector<std::string> files;  // read, in order
  std::vector<ConfigValueView> values;
  std::string toml;                  // the whole, ready to be written to a file
  std::vector<std::string> restart;  // keys whose new values wait for a restart; `values` has those in force
};

}  // namespace tier
