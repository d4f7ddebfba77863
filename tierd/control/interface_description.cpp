// The control interface in Varlink's own language. A test holds it against the JSON that the views really
// give.
#include "tierd/control/protocol.h"

namespace tier {

std::string_view control_interface_description() {
  return R"(# Control and observation of tierd. Bytes, nanoseconds and seconds are raw; null means not known.
# Callers without privilege see rows about their own processes only.
interface io.tierd.Control

type Rival (name: string, advice: string)

type Source (
  name: string, fidelity: string, samples_per_second: float, price_per_sample_ns: int, cpu_share: float,
  taken: int, delivered: int, computing: int, undecoded: int, deferred: int, foreign: int, lost: int
)

type Tier (
  rank: int, nodes: []int, unloaded_latency_ns: int, total_bytes: int, free_bytes: int, resident_bytes: ?int,
  demand_share: ?float
)

type Pages (
  requested: int, moved: int, already_there: int, absent: int, marked: int, dropped: int,
  failed: [string]int
)

type Migrator (
  requests: int, stale: int, cancelled: int, target_gone: int, promoted_bytes: int, demoted_bytes: int,
  rate_limit_bytes_per_second: int, seconds: float, made_visible: int
)

type Ledger (
  decisions: int, scored: int, useful: int, wasted: int, harmful: int, margin: float,
  expected_saved_seconds: float, stall_saved_seconds: float, move_cost_seconds: float, regret_seconds: ?float,
  without_effect: int, unknown: int, foreseen: int, unscored_cost_seconds: float,
  placed_saved_seconds: ?float
)

# share: seconds a second of wall time, over about the last half minute.
type Stage (name: string, share: float)

# observing_cpu_share and the sources' shares are what daemon.cpu_limit bounds; both are over about the last half minute.
type SelfCost (
  cpu_seconds: float, cpu_share: float, observing_cpu_share: float, moving_cpu_share: float, stages: []Stage,
  resident_bytes: int, bytes_per_managed_gib: ?float
)

type Metric (name: string, value: ?float)

# A meter of the node. used: it runs; delivers: lately it gave a sound rate.
type MeterState (name: string, used: bool, delivers: bool, reason: string)

type Feature (name: string, present: bool, first_kernel: string, reason: string, fix: string)

# sight: of a source that runs, "starting", "sees", "idle" or "blind"; else empty.
type SourceChoice (name: string, chosen: bool, reason: string, sight: string)

type Latency (node: int, latency_ns: ?int, source: string)

type Capability (name: string, held: bool, needed_for: string)

type Node (
  node: int, tier: int, online: bool, has_cpus: bool, total_bytes: int, free_bytes: int, unloaded_latency_ns: ?int,
  loaded_latency_ns: ?int, latency_source: string, read_bytes_per_second: ?int,
  used_bytes_per_second: ?float, distances: []int
)

# shared_by: 0 for a process and its own memory; else this is memory that so many watched processes map, named after
# the one that has mapped it for longest.
type TopRow (
  pid: int, uid: int, name: string, cgroup: string, shared_by: int, regions: int, resident_bytes: int,
  located_bytes: int, fast_bytes: ?int,
  waited_seconds: float, demand: float, hit_share: ?float, samples: int, promoted_bytes: int, demoted_bytes: int
)

type HeatmapRow (
  pid: int, uid: int, name: string, start: int, end: int, shared_by: int, demand: []float, tier: []int,
  gone: bool
)

type SnapshotRegion (start: int, demand: float, waited_seconds: float, write_share: float, pages: string)

type Held (start: int, count: int, pages: string)

type SnapshotTarget (id: int, pid: int, uid: int, name: string, regions: []SnapshotRegion, held: ?[]Held)

type Decision (
  id: int, tick: int, reason: string, from: int, to: int, fate: string, moved_bytes: int,
  expected_benefit_seconds: float, expected_cost_seconds: float, scored_benefit_seconds: ?float,
  measured_cost_seconds: ?float, detail: string
)

type Leader (horizon: int, expert: string)
# How much a part of the context counts in the learned forecast; together 1.
type Attention (token: string, weight: float)

type ForecastGroup (
  forecaster: string, regions: ?int, waited_seconds: float, slowest_seconds: float, waited_share: ?float
)

type ForecastGain (
  ticks: int, verdict: string, saved_seconds: ?float, saved_seconds_low: ?float, saved_seconds_high: ?float,
  saved_share: ?float, saved_share_low: ?float, saved_share_high: ?float
)

type Event (
  sequence: int, time_unix_ns: int, tick: int, kind: string, pid: int, uid: int, actor: string, message: string,
  region_start: int, from: int, to: int, bytes: int, benefit_seconds: float
)

type ConfigValue (key: string, value: string, origin: string)

type PrefetchMeter (name: string, used: bool, reason: string)

type PrefetchSignal (name: string, per_second: ?float, refused: int)

# One prefetch setting that is tuned as one. gain: of the setting against the default, share of the progress, 95 %.
type PrefetchControl (
  name: string, actuator: string, scope: string, setting: string, settings: []string, context: string, reason: string,
  gain: ?float, gain_low: ?float, gain_high: ?float, transitions: int
)

type PrefetchRefusal (name: string, reason: string)

type PrefetchAdvice (
  armed: bool, ranges: int, advised_bytes: int, used_bytes: int, judged_bytes: int, useful_share: ?float, state: string
)

type PrefetchWrite (knob: string, control: string, setting: string, before: string, after: string, fate: string)

# What is known of one setting of a control in its present context.
type PrefetchChoice (setting: string, gain: ?float, gain_low: ?float, gain_high: ?float, evidence: float)

type PrefetchDecision (tick: int, from: string, to: string, reason: string)

# Whether the access sources show what the watched programs do. state: "starting", "sees", "idle" or "blind".
type Sight (state: string, reason: string, may_move: bool, unseen: int)

# Something that went wrong, and how often; repetitions may differ in numbers.
type Trouble (message: string, count: int, seconds_ago: float)

# What reading about processes takes, and what of it has to wait. Shares are of the time that each may take.
type Reading (
  interface: string, why: string, mappings_share: float, places_share: float, mappings_seconds: float,
  places_seconds: float, reads: int, waiting: int, postponed: int, oldest_seconds: float, places_postponed: int,
  left_out: int, left_out_reason: string
)

# Something around the daemon that takes from what it may see or do.
type Limit (name: string, limits: bool, reason: string, fix: string)

# The daemon at a glance.
method Status() -> (
  schema: string, version: string, mode: string, paused: bool, uptime_seconds: float, ticks: int,
  interval_seconds: float, tick_work_seconds: float, targets: int, regions: int, managed_bytes: int, forecaster: string,
  sources: []Source, tiers: []Tier, hit_share: ?float, hit_share_total: ?float, ledger: Ledger, pages: Pages,
  migrator: Migrator, self: SelfCost, metrics: []Metric, meters: []MeterState, last_error: string, rivals: []Rival,
  sight: Sight, troubles: []Trouble, late_ticks: int, worst_tick_seconds: float, worst_tick_phase: string,
  cpu_limit: float, thinning: string, held_bytes: int, located_bytes: int, located_demand_share: ?float,
  reading: Reading, model: string, unmatched: []string
)

# What this machine can do and why.
method Doctor() -> (
  schema: string, daemon_running: bool, kernel: string, tiered: bool, can_observe: bool, can_act: bool, verdict: string,
  features: []Feature, sources: []SourceChoice, latencies: []Latency, capabilities: []Capability, meters: []MeterState,
  rivals: []Rival, limits: []Limit, sight: Sight, reading: Reading
)

# Nodes and tiers, each fact with where it was learnt.
method Nodes() -> (schema: string, tiered: bool, nodes: []Node, tiers: []Tier)

# Watched processes and the memory that they share, most waiting first.
method Top(limit: ?int) -> (schema: string, interval_seconds: float, rows: []TopRow, hidden: int, omitted: int)

# Demand of regions over time, with the tier that held them.
method Heatmap(pid: ?int, max_rows: ?int, max_ticks: ?int) -> (
  schema: string, interval_seconds: float, ticks: []int, seconds: []float, rows: []HeatmapRow, omitted: int,
  unrecorded: int, hidden: int
)

# What the chosen forecast saves against the reactive one, by a control group of regions.
method Forecast() -> (
  schema: string, forecaster: string, reactive: string, compared: bool, standing_back: bool, leaders: []Leader,
  control_share: float, ticks: int, interval_seconds: float, control: ForecastGroup, rest: ForecastGroup,
  recent: ForecastGain, stage: ForecastGain, life: ForecastGain
)

# What the last tick saw of every watched process. With `more`, replies continue tick by tick; the first and then
# every tenth tells what the processes hold, others do when `held` is given without `more`.
method Snapshot(held: ?bool) -> (
  schema: string, tick: int, interval_ns: int, region_size_bytes: int, has_stall: bool, sources: []string,
  targets: []SnapshotTarget, omitted: int, hidden: int
)

# Why a page is where it is, what it cost, what it saved.
method Explain(pid: int, address: int) -> (
  schema: string, pid: int, uid: int, name: string, address: int, region_start: int, region_end: int, mapping: string,
  mapped: bool, shared_by: int, sharers: []string, backing: string, pages: string, pinned: string, node: int, tier: int,
  resident_bytes: int, demand: float,
  waited_seconds: float, forecast_low: float, forecast_mean: float, forecast_high: float,
  leaders: []Leader, attention: []Attention, age_ticks: int, idle_ticks: int, tracked: bool, why: string,
  benefit_of_moving_seconds: ?float, cost_of_moving_seconds: ?float,
  decisions: []Decision, mappings_age_seconds: ?float
)

# What tierd did. With `more`, replies continue as events happen.
method Events(since: ?int, limit: ?int) -> (schema: string, events: []Event, next: int)

# Stops and restarts moving; sampling and scoring go on. Root and the control group only.
method Pause() -> ()
method Resume() -> ()

# The configuration in force, each value with its origin.
method ConfigShow() -> (schema: string, files: []string, values: []ConfigValue, toml: string, restart: []string)

# Reads the configuration again, all or nothing; the reply comes when it is in force. restart: keys whose new values
# wait for a restart. Root and the control group only.
method Reload() -> (schema: string, files: []string, values: []ConfigValue, toml: string, restart: []string)

# Prefetch control: what is set, why, and what tells what it is worth.
method Prefetch() -> (
  schema: string, state: string, armed: []string, note: string, journal: string, decisions: int, undecided: int,
  writes: int, transitions: int, progress: ?float, progress_signal: string, controls: []PrefetchControl,
  refused: []PrefetchRefusal, meters: []PrefetchMeter, signals: []PrefetchSignal, advice: PrefetchAdvice
)

# One control: what is known of each of its settings, and what was decided and written last.
method PrefetchExplain(control: string) -> (
  schema: string, control: PrefetchControl, arms: []PrefetchChoice, decisions: []PrefetchDecision,
  writes: []PrefetchWrite
)

# Tuning begins, of what the configuration allows; a dry run tells what could be written, and writes nothing. Root and
# the control group only, as the next two.
method PrefetchArm(dry_run: ?bool) -> (
  schema: string, state: string, dry_run: bool, writes: []PrefetchWrite, refused: []PrefetchRefusal
)

# Everything is put back and stays so until it is armed again.
method PrefetchDisarm() -> (
  schema: string, state: string, dry_run: bool, writes: []PrefetchWrite, refused: []PrefetchRefusal
)

# Everything is put back; where armed, tuning begins anew.
method PrefetchRestore() -> (
  schema: string, state: string, dry_run: bool, writes: []PrefetchWrite, refused: []PrefetchRefusal
)

# kind is one of failed, usage, not-running, permission, unsupported, differs.
error Failed (kind: string, message: string, fix: string)
)";
}

std::string_view service_interface_description() {
  return R"(# What every Varlink service offers.
interface org.varlink.service

method GetInfo() -> (vendor: string, product: string, version: string, url: string, interfaces: []string)

method GetInterfaceDescription(interface: string) -> (description: string)

error InterfaceNotFound (interface: string)
error MethodNotFound (method: string)
error MethodNotImplemented (method: string)
error InvalidParameter (parameter: string)
error PermissionDenied ()
error ExpectedMore ()
)";
}

}  // namespace tier
