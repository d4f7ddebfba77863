// One tick: collect → snapshot → score → forecast → plan → execute → report. Everything it touches is handed
// in.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "migrator/migrator.h"
#include "platform/api/access_source.h"
#include "platform/api/machine.h"
#include "predictor/control_group.h"
#include "predictor/event_path.h"
#include "tierd/daemon/event_log.h"
#include "tierd/daemon/heat_record.h"
#include "tierd/daemon/latency_tracker.h"
#include "tierd/daemon/mapping_turns.h"
#include "tierd/daemon/runs_on.h"
#include "tierd/daemon/sight.h"
#include "tierd/daemon/target_set.h"
#include "tierd/daemon/tick_account.h"
#include "tierd/daemon/tick_governor.h"
#include "tierd/daemon/tick_pace.h"
#include "tierd/daemon/trouble_log.h"
#include "tierd/ledger/ledger.h"
#include "tierd/policy/allocation_meter.h"
#include "tierd/policy/policy.h"
#include "tierd/tracker/tracker.h"

namespace tier {

struct EngineSettings {
  bool act = false;  // false: observe; plans are made and explained, nothing moves
  // The shortest tick; see TickPace for when ticks are longer.
  Nanoseconds interval = std::chrono::milliseconds(250);
  Nanoseconds longest = std::chrono::seconds(2);  // tick, where `interval` is not longer
  // Processes, free memory, sensors and pressure are looked at no more often: they change by the second.
  Nanoseconds look_every = std::chrono::seconds(1);
  TargetSettings targets;
  LatencySettings latency;
  PolicySettings policy;
  TrackerSettings tracker;
  LedgerSettings ledger;
  std::string forecaster = "exponential-average";
  // Share of the regions, 0..0.5, that follow the reactive forecaster where another one is chosen, so that
  // the two can be compared; see ControlGroup. 1/64 costs 1/64 of what the chosen one gains.
  double control_share = 1.0 / 64;
  // Regions whose demand jumps are promoted between ticks; see EventPath and Engine::between_ticks().
  bool event_path = false;
  EventPathSettings events;
  // The forecaster's work that can wait (Forecaster::idle_work) is done while less than this share of the
  // interval has passed since the tick began, and while programs queue for CPUs less than so (PSI some over
  // ten seconds, percent).
  double idle_until = 0.5, idle_pressure = 10;
  // Every this many looks it is looked for processes that have become big enough, and anew for those that no
  // event told of; what is named is seen at the next look.
  std::uint32_t scan_every = 5;
  // Regions whose place is asked per tick: 8 page queries each, about 20 µs a region.
  std::size_t locate_per_tick = 512;
  // Of a tick's length, and then that is enough for this tick: a page query waits while its process changes
  // its mappings, however few regions are asked for.
  double locate_time = 0.05;
  GovernorSettings governor;
};

// References must outlive the engine. `unix_now` gives wall-clock nanoseconds, for events only.
struct EngineParts {
  const ProcessTable& processes;
  const PageLocator& locator;
  Migrator& migrator;
  const TopologyReader& topology;
  LatencyProbe& probe;
  const PressureReader& pressure;
  const SelfMeter& self;
  const RivalFinder& rivals;
  const Clock& clock;
  std::vector<std::unique_ptr<AccessSource>> sources;  // started; none: the engine is blind
  Pid self_pid;
  std::function<std::int64_t()> unix_now;
  std::unique_ptr<Forecaster> forecaster{};  // none: the one that the settings name; compared with none
  std::function<std::unique_ptr<Forecaster>(const std::string&)> make_forecaster = tier::make_forecaster;
  MetricReader* metrics = nullptr;     // none: no such sensors
  const PageFinder* finder = nullptr;  // the locator, where it sees marked pages: for what it has counted
  // Called with every batch of samples, the last tick's snapshot and the tiers.
  std::function<void(const SampleBatch&, const RegionSnapshot&, const TierTopology&)> on_samples{};
  ProcessWatch* watch = nullptr;  // none: processes are looked at by files, some at a time
};

// Per target, since it was added.
struct TargetTotals {
  Bytes promoted, demoted;
};

// What the last tick left behind, for the views.
struct EngineState {
  std::uint64_t ticks = 0;
  Nanoseconds started{}, last_tick{}, last_work{};
  bool paused = false;
  RegionSnapshot snapshot;
  ForecastSet forecasts;
  SystemState system;
  NodeContext context;  // what the forecaster was told
  TickScore score;
  SelfUsage self;
  double self_cpu_share = 0;                             // CPU seconds per second over the last interval
  double observing_cpu_share = 0, moving_cpu_share = 0;  // likewise, over about kOwnCostTicks
  std::vector<Rival> rivals;
  std::map<TargetId, TargetTotals> totals;
  TickPhases phases;           // of the last tick: what took how long
  std::uint64_t unfolded = 0;  // samples in no known mapping, whole life
  std::uint64_t urgent = 0;    // moves planned between ticks, whole life
};

// What asking where pages lie may take, of all processes together; it takes their mmap locks.
inline constexpr double kPlacesShare = 0.015;
inline constexpr Nanoseconds kPlacesMost = std::chrono::milliseconds(50);

// Not thread-safe: one thread calls everything.
class Engine {
 public:
  // Fails when the nodes cannot be read or the forecaster is unknown.
  static Result<std::unique_ptr<Engine>> create(EngineParts parts, EngineSettings settings);

  void tick();
  // From the begin of one tick to that of the next, as things are now.
  Nanoseconds tick_length() const;
  // Several times a tick, where the event path is on: takes the samples that have come, which then count in
  // the running tick, and promotes regions whose demand jumped, by the policy's own arithmetic and what is
  // left of the tick's budget. What is under way is left alone.
  void between_ticks();
  // One bounded step of work that can wait. False: none is left, or this is not the time for it.
  bool idle_work();
  void set_paused(bool paused, const std::string& actor);
  // New settings, from the next tick on. Tiers and sources stay as they are.
  Result<void> apply(const EngineSettings& settings);
  // Sources come and go while the engine runs, for example when one goes blind. Afterwards the sources have
  // to show once more that they work, before anything is moved; `story` becomes an event.
  std::vector<std::string> source_names() const;
  void drop_source(const std::string& name);
  void add_source(std::unique_ptr<AccessSource> source);  // started
  void sources_changed(const std::string& story);
  void note(Event event);  // for events from outside the tick

  const EngineState& state() const { return state_; }
  const EngineSettings& settings() const { return settings_; }
  const TierTopology& topology() const { return topology_; }
  const LatencyTracker& latency() const { return latency_; }
  const TargetSet& targets() const { return targets_; }
  const Tracker& tracker() const { return tracker_; }
  const Ledger& ledger() const { return ledger_; }
  const ControlledForecaster& forecaster() const { return *forecaster_; }
  const HeatRecord& heat() const { return heat_; }
  const EventLog& events() const { return events_; }
  const Sight& sight() const { return sight_; }
  const MappingTurns& mapping_turns() const { return mapping_turns_; }
  const TimeBudget& places_budget() const { return places_budget_; }
  std::uint64_t places_postponed() const { return places_postponed_; }
  MappingsAccount mappings_account() const { return parts_.processes.mappings_account(); }
  // Of one running source alone; null before its first tick.
  const Sight* source_sight(const std::string& name) const;
  const TickAccount& tick_account() const { return tick_account_; }
  const TickGovernor& governor() const { return governor_; }
  std::vector<Trouble> troubles() const { return troubles_.troubles(); }  // the last one first
  const Migrator& migrator() const { return parts_.migrator; }
  MarkedTotals marked() const;  // pages marked by NUMA balancing, met while locating and while moving
  std::vector<SourceStatus> sources() const;
  std::vector<MeterDecision> meters() const;
  std::size_t bytes_used() const;  // of tracker, forecaster and ledger
  Standing standing(const RegionKey& key) const;

 private:
  Engine(EngineParts parts, EngineSettings settings, std::unique_ptr<ControlledForecaster> forecaster);

  void look_around();
  void refresh_targets();
  void drop_target(TargetId id);
  void forget_target(TargetId id);
  void drop_objects();
  void reach_pages(MigrationPlan& plan) const;
  void tell_refused_sharing(const MigrationReport& report);
  void refresh_mappings();
  void read_due_mappings();
  void read_mappings(const Target& target);
  void collect();
  void note_seen(const std::string& source, const SampleBatch& batch);
  void follow_meaning(const std::string& source, const SampleBatch& batch);
  SightRate sight_rate() const;
  void judge_sight(Nanoseconds interval);
  void judge_sources(Nanoseconds interval, double user_seconds, bool any_target);
  void tell_unseen();
  void locate();
  void locate_one(const LocateRequest& request);
  void feel(const SampleBatch& batch);
  void read_latencies();
  void read_system(Nanoseconds passed);
  void note_free(const MigrationReport& report);
  void read_metrics(Nanoseconds passed);
  void plan_urgent(const std::vector<RegionKey>& crossed);
  std::optional<Region> region_now(const RegionKey& key);
  void call_off();
  void submit(MigrationPlan plan);
  void take_reports();
  void report_event(const MigrationReport& report);
  void learn_anew();
  void judge_forecaster();
  void tell_stake(Nanoseconds interval);
  void begin_stage();
  void decide();
  void phase(const char* name, Nanoseconds& since);
  bool sleeps();
  bool rests();
  void conclude(Nanoseconds begun, Nanoseconds interval, Nanoseconds& since);
  void set_pace(Nanoseconds passed, Nanoseconds cpu);
  StallSeconds at_stake(double interval);
  void meter_self(Nanoseconds work_started, Nanoseconds passed, Nanoseconds tick_cpu);
  void account_tick();
  void error(const std::string& message);
  PolicyInput policy_input() const;
  Event event(const std::string& kind, const std::string& message) const;
  void describe_region(Event& event, const RegionKey& key) const;

  EngineParts parts_;
  EngineSettings settings_;
  std::unique_ptr<ControlledForecaster> forecaster_;
  TargetSet targets_;
  LatencyTracker latency_;
  RunsOn runs_on_;
  TierTopology topology_;
  Tracker tracker_;
  Ledger ledger_;
  AllocationMeter allocation_;
  NewMemoryMeter new_memory_;
  std::vector<NodeAllocation> allocation_rates_;
  std::vector<Target> policy_targets_;
  HeatRecord heat_;
  EventLog events_;
  EngineState state_;
  MappingTurns mapping_turns_;
  TimeBudget places_budget_{kPlacesShare, kPlacesMost};
  Nanoseconds place_price_{};  // of asking where one region lies
  std::uint64_t places_postponed_ = 0;
  std::vector<TargetId> stale_mappings_;
  std::uint64_t next_request_ = 1;
  std::vector<MigrationReport> fresh_reports_;
  std::vector<MoveUnderWay> moving_;  // when a plan was made last
  EventPath event_path_;
  std::set<RegionKey> planned_;  // moves of regions planned since the last snapshot
  Bytes planned_bytes_;
  std::uint64_t sampled_ = 0;  // in the running tick
  std::uint64_t sampled_since_look_ = 0;
  Sight sight_;
  std::map<std::string, Sight> source_sights_;
  std::map<TargetId, TargetTick> seen_;                   // samples in the running tick
  std::map<std::string, std::uint64_t> seen_by_;          // the same by source
  std::map<std::string, WeightMeaning> meanings_;         // of each source's samples, when it gave some last
  std::unordered_map<TargetId, Nanoseconds> user_times_;  // at the last tick
  std::set<TargetId> unseen_;                             // as it was told last
  TroubleLog troubles_;
  bool targets_changed_ = false;
  TickAccount tick_account_;
  TickGovernor governor_;
  TickPace pace_;
  std::optional<Nanoseconds> looked_;  // when it was looked around last; none: never
  Nanoseconds look_passed_{};          // from the look before to this tick's; 0: this tick has none
  std::uint64_t looks_ = 0;
  MachineReadings readings_;       // at the last look
  std::uint64_t quiet_ticks_ = 0;  // in a row in which nothing ran and nothing was sampled
  std::uint64_t full_look_ = 0;    // the look at which all processes were looked through last; 0: never
  Nanoseconds moved_time_{};       // in calls that move pages, at the last tick
  double regret_ = 0;              // as sources were told last, seconds of stall a second
  std::uint64_t stake_told_ = 0;   // tick
  std::uint64_t deferred_ = 0;     // samples of the running tick at code that is looked at later
  double placed_ = 0;              // stall saved by then, as of the last tick
};

}  // namespace tier
