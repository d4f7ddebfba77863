// One tick: collect → snapshot → score → forecast → plan → execute → report. Everything it touches is handed
// in.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "migrator/migrator.h"
#include "platform/api/access_source.h"
#include "platform/api/machine.h"
#include "predictor/forecaster.h"
#include "tierd/daemon/event_log.h"
#include "tierd/daemon/heat_record.h"
#include "tierd/daemon/latency_tracker.h"
#include "tierd/daemon/target_set.h"
#include "tierd/ledger/ledger.h"
#include "tierd/policy/allocation_meter.h"
#include "tierd/policy/policy.h"
#include "tierd/tracker/tracker.h"

namespace tier {

struct EngineSettings {
  bool act = false;  // false: observe; plans are made and explained, nothing moves
  Nanoseconds interval = std::chrono::seconds(1);
  TargetSettings targets;
  LatencySettings latency;
  PolicySettings policy;
  TrackerSettings tracker;
  LedgerSettings ledger;
  std::string forecaster = "exponential-average";
  // Every this many ticks all processes are looked at again; in between only the watched ones. A scan of a
  // thousand processes costs about 30 ms of CPU.
  std::uint32_t scan_every = 5;
  // Regions whose place is asked per tick: 8 page queries each, about 20 µs a region.
  std::size_t locate_per_tick = 512;
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
  std::vector<std::unique_ptr<AccessSource>> sources;  // started
  Pid self_pid;
  std::function<std::int64_t()> unix_now;
  std::unique_ptr<Forecaster> forecaster{};  // none: the one that the settings name
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
  TickScore score;
  SelfUsage self;
  double self_cpu_share = 0;  // CPU seconds per second over the last interval
  std::vector<Rival> rivals;
  std::string last_error;
  std::map<TargetId, TargetTotals> totals;
  std::vector<std::pair<const char*, Nanoseconds>> phases;  // of the last tick: what took how long
  std::uint64_t unfolded = 0;                               // samples in no known mapping, whole life
};

// Not thread-safe: one thread calls everything.
class Engine {
 public:
  // Fails when the nodes cannot be read or the forecaster is unknown.
  static Result<std::unique_ptr<Engine>> create(EngineParts parts, EngineSettings settings);

  void tick();
  void set_paused(bool paused, const std::string& actor);
  // New settings, from the next tick on. Tiers and sources stay as they are.
  Result<void> apply(const EngineSettings& settings);
  void note(Event event);  // for events from outside the tick

  const EngineState& state() const { return state_; }
  const EngineSettings& settings() const { return settings_; }
  const TierTopology& topology() const { return topology_; }
  const LatencyTracker& latency() const { return latency_; }
  const TargetSet& targets() const { return targets_; }
  const Tracker& tracker() const { return tracker_; }
  const Ledger& ledger() const { return ledger_; }
  const HeatRecord& heat() const { return heat_; }
  const EventLog& events() const { return events_; }
  const Migrator& migrator() const { return parts_.migrator; }
  std::vector<SourceStatus> sources() const;
  std::size_t bytes_used() const;  // of tracker, forecaster and ledger
  Standing standing(const RegionKey& key) const;

 private:
  Engine(EngineParts parts, EngineSettings settings, std::unique_ptr<Forecaster> forecaster);

  void refresh_targets();
  void drop_target(TargetId id);
  void refresh_mappings(const Target& target, bool force);
  void collect();
  void locate();
  void locate_one(const LocateRequest& request);
  void read_system();
  void take_reports();
  void report_event(const MigrationReport& report);
  void decide();
  void phase(const char* name, Nanoseconds& since);
  void meter_self(Nanoseconds work_started);
  void error(const std::string& message);
  PolicyInput policy_input() const;
  Event event(const std::string& kind, const std::string& message) const;
  void describe_region(Event& event, const RegionKey& key) const;

  EngineParts parts_;
  EngineSettings settings_;
  std::unique_ptr<Forecaster> forecaster_;
  TargetSet targets_;
  LatencyTracker latency_;
  TierTopology topology_;
  Tracker tracker_;
  Ledger ledger_;
  AllocationMeter allocation_;
  std::vector<NodeAllocation> allocation_rates_;
  std::vector<Target> policy_targets_;
  HeatRecord heat_;
  EventLog events_;
  EngineState state_;
  std::map<TargetId, std::uint64_t> mapping_versions_;
  std::vector<TargetId> stale_mappings_;
  std::uint64_t next_request_ = 1;
  std::vector<MigrationReport> fresh_reports_;
  bool targets_changed_ = false;
};

}  // namespace tier
