#include "tierd/daemon/engine.h"

#include <fmt/format.h>

#include <algorithm>

#include "tierd/ledger/expected_regret.h"
#include "tierd/words/words.h"

namespace tier {
namespace {

// Null when the chosen one is unknown.
std::unique_ptr<ControlledForecaster> make_controlled(EngineParts& parts, const EngineSettings& settings) {
  if (parts.forecaster)
    return std::make_unique<ControlledForecaster>(std::move(parts.forecaster), nullptr, ControlGroup{});
  auto chosen = parts.make_forecaster(settings.forecaster);
  if (!chosen) return nullptr;
  auto reactive = settings.forecaster == kReactiveForecaster || !(settings.control_share > 0)
                      ? nullptr
                      : parts.make_forecaster(kReactiveForecaster);
  return std::make_unique<ControlledForecaster>(std::move(chosen), std::move(reactive),
                                                ControlGroup::of_share(settings.control_share));
}

}  // namespace

Engine::Engine(EngineParts parts, EngineSettings settings, std::unique_ptr<ControlledForecaster> forecaster)
    : parts_(std::move(parts)),
      settings_(std::move(settings)),
      forecaster_(std::move(forecaster)),
      targets_(parts_.processes, settings_.targets, parts_.self_pid, parts_.watch),
      latency_(parts_.probe, settings_.latency),
      tracker_(settings_.tracker),
      ledger_(settings_.ledger),
      event_path_(settings_.events),
      governor_(settings_.governor),
      pace_({settings_.interval, settings_.longest}) {
  state_.started = state_.last_tick = parts_.clock.now();
  state_.self = parts_.self.usage();
  if (parts_.sources.empty()) sight_.sources_changed(false);
  begin_stage();
}

Result<std::unique_ptr<Engine>> Engine::create(EngineParts parts, EngineSettings settings) {
  auto forecaster = make_controlled(parts, settings);
  if (!forecaster) {
    std::string known;
    for (const auto& entry : forecaster_table())
      known += (known.empty() ? "" : ", ") + std::string(entry.name);
    return fail(ErrorKind::kUsage, "no forecaster is called \"" + settings.forecaster + "\"",
                "set policy.forecaster to one of: " + known);
  }
  auto nodes = TIER_TRY(parts.topology.nodes());
  std::unique_ptr<Engine> engine(new Engine(std::move(parts), std::move(settings), std::move(forecaster)));
  engine->topology_ = TIER_TRY(engine->latency_.calibrate(std::move(nodes)));
  engine->tracker_.set_topology(engine->topology_);
  engine->state_.rivals = engine->parts_.rivals.find();
  for (const auto& rival : engine->state_.rivals) {
    engine->events_.add(engine->event("rival", rival.name + ": " + rival.advice));
  }
  return engine;
}

void Engine::tick() {
  const Nanoseconds begun = parts_.clock.now(), cpu = parts_.self.thread_cpu();
  const Nanoseconds interval = begun - state_.last_tick;
  state_.last_tick = begun;
  ++state_.ticks;
  for (const auto& source : parts_.sources) source->set_budget_share(governor_.allowance().sampling);

  state_.phases.clear();
  Nanoseconds since = begun;
  const bool slept = sleeps();
  if (!slept) look_around();
  phase("targets", since);
  collect();
  const bool goes_on = !slept || sampled_ > 0;
  if (goes_on && slept) look_around();
  if (look_passed_.count() > 0) judge_sight(look_passed_);
  phase("samples", since);
  bool rested = !goes_on;
  if (goes_on) {
    take_reports();  // first: places that they put in doubt are asked at once
    locate();
    phase("places", since);
    take_reports();
    rested = rests();
    if (!rested) conclude(begun, interval, since);
  }
  const Nanoseconds used = parts_.self.thread_cpu() - cpu;
  if (rested)
    pace_.rest();
  else
    set_pace(interval, used);
  sampled_ = 0, look_passed_ = {};
  meter_self(begun, interval, used);
}

namespace {
constexpr std::uint64_t kSettled = 8, kLook = 4;  // ticks; at rest these are of the longest kind
}

// Who is watched, once a second: programs come and go by the second, not by the tick.
void Engine::look_around() {
  const Nanoseconds now = state_.last_tick;
  // Ticks come as exactly as timers do; a tenth of one early counts.
  if (looked_ && now - *looked_ < settings_.look_every - settings_.interval / 10) return;
  look_passed_ = looked_ ? now - *looked_ : std::max(now - state_.started, Nanoseconds{1});
  looked_ = now;
  ++looks_;
  refresh_targets();
}

// What this tick has shown says how long the next ones are.
void Engine::set_pace(Nanoseconds passed, Nanoseconds cpu) {
  TickPace::Sampled sampled;
  for (const Region& region : state_.snapshot.regions)
    if (region.samples > 0)
      ++(region.samples == 1 ? sampled.once : region.samples == 2 ? sampled.twice : sampled.more);
  pace_.tick(passed, sampled, cpu, governor_.limit());
}

// Stretched no further than a minute: whoever watches over the daemon (WatchdogSec) must see it advance.
Nanoseconds Engine::tick_length() const {
  constexpr Nanoseconds kMost = std::chrono::minutes(1);
  return std::min(pace_.length() * governor_.allowance().stretch, std::max(pace_.length(), kMost));
}

// Where no watched program has run for a while, and none began or ended, only samples are asked for but in
// every so manieth tick: they cost next to nothing to look for, and whatever runs for long has some.
bool Engine::sleeps() {
  if (quiet_ticks_ <= kSettled || (quiet_ticks_ + 1) % kLook == 0 || targets_.news()) return false;
  ++quiet_ticks_;
  return true;
}

// In such ticks nothing is new to be decided, and time stands still for what is known of demand.
bool Engine::rests() {
  const auto& ran = targets_.ran();
  const bool quiet = sampled_ == 0 && fresh_reports_.empty() && parts_.migrator.idle() &&
                     std::none_of(ran.begin(), ran.end(), [](bool one) { return one; });
  quiet_ticks_ = quiet ? quiet_ticks_ + 1 : 0;
  return quiet_ticks_ > kSettled && quiet_ticks_ % kLook != 0;
}

// What the tick's samples and places mean, and what follows.
void Engine::conclude(Nanoseconds begun, Nanoseconds interval, Nanoseconds& since) {
  const bool look = look_passed_.count() > 0 || state_.system.nodes.empty();
  if (look) readings_ = parts_.metrics != nullptr ? parts_.metrics->read() : MachineReadings{};
  read_latencies();
  if (look) read_system(std::max(look_passed_, interval));
  phase("system", since);

  state_.snapshot = tracker_.close_tick(Tick{state_.ticks}, begun, interval, state_.system,
                                        std::move(state_.snapshot.regions));
  heat_.add(state_.snapshot, topology_);
  phase("snapshot", since);
  state_.score = ledger_.score(state_.snapshot, state_.system, topology_);
  new_memory_.tick(state_.snapshot);
  if (look_passed_.count() > 0) {
    allocation_.look(state_.system, fresh_reports_, seconds(look_passed_));
    new_memory_.look(allocation_.allocated(), targets_.targets(), seconds(look_passed_));
    fresh_reports_.clear();
    allocation_rates_ = allocation_.rates();
  }
  judge_forecaster();
  phase("score", since);
  forecaster_->observe(state_.context);
  state_.forecasts = forecaster_->forecast(state_.snapshot);
  tell_stake(interval);
  phase("forecast", since);
  decide();
  phase("plan", since);
}

bool Engine::idle_work() {
  if (!governor_.allowance().idle_work || state_.ticks == 0 ||
      !(state_.system.cpu_pressure_some < settings_.idle_pressure))
    return false;
  const Nanoseconds spent = parts_.clock.now() - state_.last_tick;
  if (!(seconds(spent) < settings_.idle_until * seconds(tick_length()))) return false;
  return forecaster_->idle_work();
}

void Engine::phase(const char* name, Nanoseconds& since) {
  const Nanoseconds now = parts_.clock.now();
  state_.phases.emplace_back(name, now - since);
  since = now;
}

PolicyInput Engine::policy_input() const {
  const auto costs = parts_.migrator.estimate();
  MovePrices prices;
  prices.fixed = costs.promotion.fixed;
  prices.promote_seconds_per_byte = costs.promotion.seconds_per_byte;
  prices.demote_seconds_per_byte = costs.demotion.seconds_per_byte;
  return {state_.snapshot, state_.forecasts, topology_,
          state_.system,   policy_targets_,  allocation_rates_,
          prices,          ledger_.margin(), ledger_.least_margin(),
          next_request_,   settings_.policy, new_memory_.worth(),
          moving_};
}

Standing Engine::standing(const RegionKey& key) const {
  const std::vector<MoveUnderWay> moving = parts_.migrator.under_way();
  PolicyInput input = policy_input();
  input.moving = moving;
  return explain_standing(input, key);
}

// The ledger's groups are those of the forecaster from now on.
void Engine::begin_stage() {
  ledger_.begin_stage(forecaster_->controlled() ? forecaster_->group() : ControlGroup{},
                      forecaster_->standing_back());
}

// Forgets what was learnt of demand; where memory lies, and what moves cost, stays known.
void Engine::learn_anew() {
  tracker_.forget_samples();
  event_path_ = EventPath(settings_.events);
  new_memory_ = NewMemoryMeter();
  ledger_.begin_anew();
  if (auto forecaster = make_controlled(parts_, settings_)) {
    forecaster_ = std::move(forecaster);
  }
  begin_stage();
}

// What is at stake changes with phases, not with ticks; at the start it is wanted at once.
void Engine::tell_stake(Nanoseconds interval) {
  const std::uint64_t every = governor_.level() > 0 ? 1 : 8;
  if (interval.count() <= 0 || (state_.ticks > 16 && state_.ticks - stake_told_ < every)) return;
  stake_told_ = state_.ticks;
  regret_ = expected_regret(state_.snapshot, state_.forecasts, state_.system, topology_).value;
  for (const auto& source : parts_.sources) source->set_stake(regret_);
}

// A forecast that loses against the reactive one stands back and keeps the control group only, where it can
// show that it has become better.
void Engine::judge_forecaster() {
  const Comparison& comparison = ledger_.comparison();
  if (!comparison.on() || !comparison.block_closed() || !comparison.roles_should_change()) return;
  const auto found = comparison.recent();
  const bool back = !forecaster_->standing_back();
  forecaster_->stand_back(back);
  begin_stage();
  events_.add(
      event("forecaster",
            fmt::format("{} {}: it saves {:+.1f} % (±{:.1f}) of the stall on the slowest tier against "
                        "{}, over the last {} ticks",
                        forecaster_->name(), back ? "stands back" : "leads again", found->share * 100,
                        found->half(kNormal99) * 100, kReactiveForecaster, found->ticks)));
}

void Engine::decide() {
  planned_.clear(), planned_bytes_ = {};
  // Element by element: what they hold is mostly what they held, and its memory is used again.
  const std::vector<const Target*> targets = tracker_.targets();
  policy_targets_.resize(targets.size());
  for (std::size_t i = 0; i < targets.size(); ++i) policy_targets_[i] = *targets[i];
  runs_on_.tell(policy_targets_);
  if (!topology_.tiered()) return;
  const bool sees = sight_.may_move();
  if (!sees || state_.paused || !settings_.act) call_off();
  if (!sees) return;
  // What an older plan still has waiting is decided again. The snapshot does not show yet what its moves
  // under way have done, or have still to do.
  moving_ = parts_.migrator.withdraw();
  submit(make_plan(policy_input()));
}

// An empty plan of the newest snapshot makes stale what an older one still has waiting.
void Engine::call_off() {
  if (parts_.migrator.idle()) return;
  MigrationPlan nothing;
  nothing.sequence = state_.snapshot.sequence;
  parts_.migrator.submit(std::move(nothing));
}

void Engine::submit(MigrationPlan plan) {
  next_request_ += plan.requests.size() + plan.declined.size();
  // What would have been done is scored like what was: that is how observe mode proves its worth.
  const bool imagined = !settings_.act || state_.paused;
  ledger_.record(plan, imagined);
  for (const MigrationRequest& request : plan.requests) {
    planned_.insert(request.key);
    planned_bytes_ += request.bytes;
  }
  if (imagined || plan.requests.empty()) return;
  reach_pages(plan);
  parts_.migrator.submit(std::move(plan));
}

void Engine::take_reports() {
  auto reports = parts_.migrator.take_reports();
  for (const auto& report : reports) {
    ledger_.report(report, Tick{state_.ticks});
    tracker_.note_report(report, parts_.processes.base_page_size());
    note_free(report);
    if (report.unmovable) tracker_.mark_unmovable(report.key);
    tell_refused_sharing(report);
    // What a newer plan took the place of before it began is counted (status, ledger), and no event.
    if (report.fate != MoveFate::kStale || report.moved.value > 0) report_event(report);
  }
  fresh_reports_.insert(fresh_reports_.end(), std::make_move_iterator(reports.begin()),
                        std::make_move_iterator(reports.end()));
}

// Until the nodes are read again.
void Engine::note_free(const MigrationReport& report) {
  for (NodeState& node : state_.system.nodes) {
    if (node.node == report.to) node.free -= std::min(node.free, report.moved);
    if (node.node == report.from) node.free += report.moved;
  }
}

namespace {

// "2 MiB of redis-server at 0x7f0000000000, node 1 to node 0".
std::string move_text(const Event& event, const MigrationReport& report, const Target* target) {
  return fmt::format("{} of {} at {:#x}, node {} to node {}", bytes_text(event.bytes),
                     target != nullptr ? display_name(*target) : "a process that has ended",
                     event.region_start, report.from.value, report.to.value);
}

}  // namespace

void Engine::report_event(const MigrationReport& report) {
  const Decision* decision = ledger_.find(report.request_id);
  const bool promotion = decision != nullptr && decision->request.promotion;
  const bool moved = report.moved.value > 0;
  Event done = event(!moved ? "failed" : promotion ? "promoted" : "demoted", "");
  describe_region(done, report.key);
  done.from = report.from.value;
  done.to = report.to.value;
  done.bytes = report.moved.value;
  done.message = move_text(done, report, tracker_.target(report.key.target));
  if (decision != nullptr) {
    done.benefit_seconds = decision->request.benefit.value;
    done.message += fmt::format(", {}: {} in {}", to_string(decision->request.reason), to_string(report.fate),
                                seconds_text(seconds(report.duration)));
  }
  if (!report.detail.empty()) done.message += ", " + report.detail;
  events_.add(done);
  auto& totals = state_.totals[report.key.target];
  (promotion ? totals.promoted : totals.demoted) += report.moved;
}

void Engine::describe_region(Event& event, const RegionKey& key) const {
  event.region_start = key.start;
  const Target* target = tracker_.target(key.target);
  if (target == nullptr) return;
  event.pid = target->pid.value;
  event.uid = target->uid;
  // An object's region is told by its address in the process that is named.
  const auto mappers = tracker_.mappers_of(key.target);
  if (mappers.empty()) return;
  if (const auto range = tracker_.range_in(mappers.front(), key)) event.region_start = range->start;
}

void Engine::meter_self(Nanoseconds work_started, Nanoseconds passed, Nanoseconds tick_cpu) {
  const SelfUsage now = parts_.self.usage();
  const double interval = seconds(passed);
  if (interval > 0) state_.self_cpu_share = seconds(now.cpu - state_.self.cpu) / interval;
  state_.last_work = parts_.clock.now() - work_started;
  // Moves have a price and a rate of their own; the time in their calls is nearly all CPU time.
  const Nanoseconds moving = parts_.migrator.totals().calls.spent;
  const Nanoseconds moved = moving - std::exchange(moved_time_, moving);
  const Nanoseconds looking = now.cpu - state_.self.cpu - moved;
  if (interval > 0) {
    state_.observing_cpu_share +=
        (std::max(0.0, seconds(looking)) / interval - state_.observing_cpu_share) / kOwnCostTicks;
    state_.moving_cpu_share += (seconds(moved) / interval - state_.moving_cpu_share) / kOwnCostTicks;
  }
  // The ticks' own work and the samplers' are held to the limit: the rest (a start, a question) does not come
  // back with them.
  double programs = 0;  // share of a CPU that samples take beside the ticks
  for (const auto& source : parts_.sources) {
    const SourceStatus status = source->status();
    programs += std::max(0.0, status.cpu_share - status.own_share);
  }
  const auto sampling = std::chrono::duration_cast<Nanoseconds>(programs * passed);
  const auto limited = governor_.tick(tick_cpu + sampling, passed, at_stake(interval));
  state_.self = now;
  if (limited) events_.add(event("limit", *limited));
  account_tick();
}

// Stall of the last `interval` seconds that placement has saved or could have. Of what is not known the worst
// is taken to be so: of samples at code that is looked at later, and of memory that programs fill for the
// first time, which nobody waits for yet and whose place is chosen now.
StallSeconds Engine::at_stake(double interval) {
  constexpr double kFilling = 1.0 / 64;  // of what the programs hold, grown by lately
  const double placed = ledger_.totals().placed.value;
  const double saved = std::max(0.0, placed - std::exchange(placed_, placed));
  const double rate = sight_rate().per_cpu_second;
  const auto deferred = static_cast<double>(std::exchange(deferred_, 0));
  Bytes held;
  for (const Target& target : targets_.targets()) held += target.resident;
  const bool filling =
      topology_.tiered() && new_memory_.worth().lasting > kFilling * static_cast<double>(held.value);
  return StallSeconds{saved + (rate > 0 ? deferred / rate : 0) + (regret_ + (filling ? 1 : 0)) * interval};
}

// A tick that is stretched has that much more time.
void Engine::account_tick() {
  const auto late = tick_account_.tick(state_.last_work, tick_length(), state_.phases);
  if (!late) return;
  if (const auto told = troubles_.report(*late, parts_.clock.now())) events_.add(event("late", *told));
}

void Engine::set_paused(bool paused, const std::string& actor) {
  if (state_.paused == paused) return;
  state_.paused = paused;
  Event changed =
      event(paused ? "paused" : "resumed", paused ? "moves stop, sampling goes on" : "moves go on");
  changed.actor = actor;
  events_.add(changed);
}

Result<void> Engine::apply(const EngineSettings& settings) {
  const bool same = settings.forecaster == settings_.forecaster &&
                    ControlGroup::of_share(settings.control_share).buckets ==
                        ControlGroup::of_share(settings_.control_share).buckets;
  auto forecaster = same ? nullptr : make_controlled(parts_, settings);
  if (!forecaster && !same) {
    return fail(ErrorKind::kUsage, "no forecaster is called \"" + settings.forecaster + "\"",
                "see docs/operations.md");
  }
  if (forecaster) {
    forecaster_ = std::move(forecaster);
    begin_stage();
  }
  if (settings.act != settings_.act) events_.add(event("mode", settings.act ? "act" : "observe"));
  governor_.set_limit(settings.governor.cpu_limit);
  pace_.set_shortest(settings.interval);
  targets_.set_settings(settings.targets);  // the next full look adds and removes
  settings_ = settings;
  return {};
}

void Engine::note(Event noted) {
  noted.tick = state_.ticks;
  noted.time_unix_ns = parts_.unix_now();
  events_.add(std::move(noted));
}

Event Engine::event(const std::string& kind, const std::string& message) const {
  Event made;
  made.kind = kind;
  made.message = message;
  made.tick = state_.ticks;
  made.time_unix_ns = parts_.unix_now();
  return made;
}

void Engine::error(const std::string& message) {
  if (const auto told = troubles_.report(message, parts_.clock.now())) events_.add(event("error", *told));
}

std::vector<std::string> Engine::source_names() const {
  std::vector<std::string> names;
  for (const auto& source : parts_.sources) names.push_back(source->name());
  return names;
}

void Engine::drop_source(const std::string& name) {
  std::erase_if(parts_.sources, [&](const auto& source) { return source->name() == name; });
  source_sights_.erase(name);
}

const Sight* Engine::source_sight(const std::string& name) const {
  const auto it = source_sights_.find(name);
  return it == source_sights_.end() ? nullptr : &it->second;
}

void Engine::add_source(std::unique_ptr<AccessSource> source) {
  parts_.sources.push_back(std::move(source));
  // The next tick gives it the targets, and their mappings, which are read once more for that.
  targets_changed_ = true;
  mapping_turns_.read_all_again();
}

void Engine::sources_changed(const std::string& story) {
  sight_.sources_changed(!parts_.sources.empty());
  events_.add(event("source", story));
}

std::vector<SourceStatus> Engine::sources() const {
  std::vector<SourceStatus> out;
  for (const auto& source : parts_.sources) out.push_back(source->status());
  return out;
}

std::size_t Engine::bytes_used() const {
  return tracker_.bytes_used() + event_path_.bytes_used() + forecaster_->bytes_used() + ledger_.bytes_used();
}

}  // namespace tier
