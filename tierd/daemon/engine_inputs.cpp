// The engine's first half of a tick: who is watched, what they wait for, where it lies.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "tierd/daemon/engine.h"
#include "tierd/daemon/locating.h"
#include "tierd/daemon/object_views.h"

namespace tier {
namespace {

std::optional<double> traffic_of(NodeId node, std::span<const NodeTraffic> traffic) {
  const auto it = std::find_if(traffic.begin(), traffic.end(),
                               [node](const NodeTraffic& each) { return each.node == node; });
  return it == traffic.end() ? std::nullopt : std::optional(it->bytes_per_second);
}

std::set<NodeId> online_nodes(const std::vector<NumaNode>& nodes) {
  std::set<NodeId> out;
  for (const auto& node : nodes) {
    if (node.online && node.total.value > 0) out.insert(node.id);
  }
  return out;
}

std::vector<std::vector<NodeId>> nodes_by_tier(const TierTopology& topology) {
  std::vector<std::vector<NodeId>> out;
  for (const Tier& tier : topology.tiers) out.push_back(tier.nodes);
  return out;
}

}  // namespace

void Engine::drop_target(TargetId id) {
  tracker_.remove_target(id);
  forget_target(id);
}

void Engine::forget_target(TargetId id) {
  parts_.migrator.forget(id);
  ledger_.target_gone(id, Tick{state_.ticks});
  state_.totals.erase(id);
  user_times_.erase(id);
}

void Engine::refresh_targets() {
  const std::uint32_t every = std::max(settings_.scan_every, 1U) * governor_.allowance().rarer_scans;
  const bool full = full_look_ == 0 || looks_ - full_look_ >= every;
  if (full) full_look_ = looks_;
  const auto changes = targets_.refresh(full);
  // Before any of them goes: each that goes changes what the tracker has to say of those who shared with it.
  for (const auto& [id, reason] : changes.removed) {
    Event gone = event("target-gone", gone_text(reason, settings_.targets));
    if (const Target* old = tracker_.target(id)) {
      gone.pid = old->pid.value;
      gone.uid = old->uid;
      gone.message = display_name(*old) + ": " + gone.message;
    }
    remember_ended(*this, id, heat_);
    events_.add(gone);
  }
  for (const auto& [id, reason] : changes.removed) drop_target(id);
  for (const auto& target : changes.added) {
    Event added = event("target-added", display_name(target) + " is watched");
    added.pid = target.pid.value;
    added.uid = target.uid;
    events_.add(added);
  }
  for (const auto& problem : changes.problems) error(problem);
  if (targets_changed_ || !changes.added.empty() || !changes.removed.empty()) {
    targets_changed_ = false;
    for (const auto& source : parts_.sources) {
      if (const auto set = source->set_targets(targets_.targets()); !set) {
        targets_changed_ = true;  // try again next tick
        error(set.error().text());
      }
    }
  }
  refresh_mappings();
}

// Thinned, mappings are read at every so manieth look only; whoever is due keeps its turn.
void Engine::refresh_mappings() {
  if (looks_ % governor_.allowance().mapping_looks == 0) read_due_mappings();
  drop_objects();
}

void Engine::read_due_mappings() {
  mapping_turns_.begin(targets_.targets(), targets_.ran(), parts_.clock.now());
  for (const TargetId id : mapping_turns_.checks()) {
    const Target* target = targets_.find(id);
    if (target == nullptr) continue;
    const Nanoseconds begun = parts_.clock.now();
    const std::uint64_t version = parts_.processes.mappings_version(target->pid);
    mapping_turns_.version(id, version, parts_.clock.now() - begun);
  }
  for (const TargetId id : std::exchange(stale_mappings_, {})) mapping_turns_.outside(id);
  while (const auto id = mapping_turns_.next()) {
    if (const Target* target = targets_.find(*id)) read_mappings(*target);
  }
}

// All that a reading entails counts against the budget.
void Engine::read_mappings(const Target& target) {
  const Nanoseconds begun = parts_.clock.now();
  const std::uint64_t version = parts_.processes.mappings_version(target.pid);
  const auto mappings = parts_.processes.mappings_of(target);
  if (!mappings) {
    // An exit in between is no error: the next look notices it.
    if (mappings.error().kind == ErrorKind::kPermission) error(mappings.error().text());
    return mapping_turns_.failed(target.id, parts_.clock.now() - begun);
  }
  tracker_.set_target(target, *mappings);
  for (const auto& source : parts_.sources) {
    if (const auto set = source->set_ranges(target.id, *mappings); !set) error(set.error().text());
  }
  mapping_turns_.read(target.id, version, parts_.clock.now() - begun);
}

void Engine::collect() {
  for (const auto& source : parts_.sources) {
    const auto batch = source->collect();
    if (!batch) {
      error(batch.error().text());
      continue;
    }
    note_seen(source->name(), *batch);
    follow_meaning(source->name(), *batch);
    runs_on_.fold(*batch);
    const auto folded = tracker_.fold(*batch);
    state_.unfolded += folded.outside + folded.foreign;
    sampled_ += folded.folded;
    sampled_since_look_ += folded.folded;
    if (parts_.on_samples) parts_.on_samples(*batch, state_.snapshot, topology_);
    if (settings_.event_path) feel(*batch);
    stale_mappings_.insert(stale_mappings_.end(), folded.stale_mappings.begin(), folded.stale_mappings.end());
  }
}

// Page faults do not count as sight: they show first touches, not pages in use.
void Engine::note_seen(const std::string& source, const SampleBatch& batch) {
  std::uint64_t count = 0;
  for (const AccessSample& sample : batch.samples) {
    if (sample.source == SourceKind::kFault) continue;
    TargetTick& seen = seen_[sample.target];
    ++seen.samples, ++seen.decoded, ++count;
  }
  for (const TargetId target : batch.computing) ++seen_[target].samples, ++seen_[target].decoded, ++count;
  for (const TargetId target : batch.undecoded) ++seen_[target].samples, ++count;
  deferred_ += batch.deferred.size();
  for (const TargetId target : batch.deferred) ++seen_[target].samples, ++seen_[target].deferred, ++count;
  seen_by_[source] += count;
  sight_.arrived(count);
}

// A source that learns what its samples mean counts in another unit from then on, hundreds of times as large
// or as small. What was learnt in the old one would value every move wrongly until it is forgotten.
void Engine::follow_meaning(const std::string& source, const SampleBatch& batch) {
  if (batch.samples.empty()) return;
  const WeightMeaning now = batch.samples.back().meaning;
  const auto [known, first] = meanings_.try_emplace(source, now);
  if (first || known->second == now) return;
  known->second = now;
  learn_anew();
  events_.add(event(
      "source", fmt::format("{}: samples {}; demand is learnt anew", source,
                            now == WeightMeaning::kStall ? "follow waiting time from now on, not accesses"
                                                         : "count accesses from now on, not waiting time")));
}

// What all sources together must deliver: the sum of their rates, with the shortest of their silences.
SightRate Engine::sight_rate() const {
  SightRate all;
  std::optional<Nanoseconds> shortest;
  for (const auto& source : parts_.sources) {
    const auto silence = source->longest_silence();
    if (!silence) continue;
    all.per_cpu_second += source->samples_per_cpu_second();
    shortest = std::min(shortest.value_or(*silence), *silence);
  }
  all.silence = seconds(shortest.value_or(Nanoseconds(0)));
  return all;
}

void Engine::judge_sight(Nanoseconds interval) {
  std::vector<TargetTick> ticks;
  double user_seconds = 0;
  for (const Target& target : targets_.targets()) {
    const auto seen = seen_.find(target.id);
    TargetTick tick = seen == seen_.end() ? TargetTick{} : seen->second;
    tick.target = target.id;
    const auto [last, first] = user_times_.try_emplace(target.id, target.user_time);
    // What a process used before it was watched says nothing of our samples.
    if (!first) tick.user_seconds = std::max(seconds(target.user_time - last->second), 0.0);
    last->second = target.user_time;
    user_seconds += tick.user_seconds;
    ticks.push_back(tick);
  }
  seen_.clear();
  judge_sources(interval, user_seconds, !ticks.empty());
  const SightState before = sight_.state();
  if (!sight_.tick(seconds(interval), ticks, sight_rate())) return;
  tracker_.set_unseen(sight_.held());
  tell_unseen();
  const bool blind = sight_.state() == SightState::kBlind;
  if (blind != (before == SightState::kBlind))
    events_.add(event("sight", (blind ? "blind: " : "no longer blind: ") + sight_.reason()));
}

// Each source by itself, for the doctor.
void Engine::judge_sources(Nanoseconds interval, double user_seconds, bool any_target) {
  const auto seen = std::exchange(seen_by_, {});
  for (const auto& source : parts_.sources) {
    const auto silence = source->longest_silence();
    if (!silence) continue;
    const auto count = seen.find(source->name());
    const std::uint64_t samples = count == seen.end() ? 0 : count->second;
    const TargetTick all{TargetId{0}, user_seconds, samples, samples};
    source_sights_[source->name()].tick(seconds(interval), {&all, any_target ? 1U : 0U},
                                        {source->samples_per_cpu_second(), seconds(*silence)});
  }
}

void Engine::tell_unseen() {
  for (const TargetId id : sight_.unseen()) {
    if (unseen_.contains(id)) continue;
    Event one =
        event("sight", "uses CPU and gets no samples, while others do: its pages stay where they are");
    if (const Target* target = targets_.find(id)) {
      one.pid = target->pid.value;
      one.uid = target->uid;
      one.message = target->name + " " + one.message;
    }
    events_.add(one);
  }
  unseen_ = sight_.unseen();
}

// As many as the budget pays for at what one took of late; the others are asked in their turn later.
void Engine::locate() {
  const Nanoseconds begun = parts_.clock.now();
  const auto enough = std::chrono::duration_cast<Nanoseconds>(settings_.locate_time * tick_length());
  places_budget_.advance(begun);
  for (std::size_t i = 0; i < targets_.targets().size(); ++i)
    if (targets_.ran()[i]) tracker_.note_ran(targets_.targets()[i].id, targets_.targets()[i].resident);
  const std::size_t wanted =
      std::max<std::size_t>(settings_.locate_per_tick >> governor_.allowance().fewer_places, 1);
  const std::size_t most = places_budget_.affordable(place_price_, wanted);
  const auto requests = tracker_.regions_to_locate(most);
  bool postponed = most < wanted && requests.size() == most;
  std::size_t asked = 0;
  for (; asked < requests.size() && !(asked > 0 && parts_.clock.now() - begun > enough); ++asked)
    locate_one(requests[asked]);
  if (asked < requests.size()) postponed = true;  // the others come up again
  if (postponed) ++places_postponed_;
  const Nanoseconds took = parts_.clock.now() - begun;
  places_budget_.spend(took);
  if (asked > 0) place_price_ = took / static_cast<std::int64_t>(asked);
}

void Engine::locate_one(const LocateRequest& request) {
  const Residency residency = locate_region(request, parts_.locator, parts_.processes.base_page_size());
  tracker_.set_residency(request.key, residency);
}

// In every tick: what moves do to bandwidth shows at once, and a tier that is relieved by stale latencies is
// relieved of too much.
void Engine::read_latencies() {
  latency_.tick(readings_.memory_traffic);
  for (const auto& [node, doubt] : latency_.load_doubts())
    error(fmt::format("latency of node {}: {}", node.value, doubt));
  for (NodeState& node : state_.system.nodes) node.loaded_latency = latency_.loaded(node.node);
}

void Engine::read_system(Nanoseconds passed) {
  auto nodes = parts_.topology.nodes();
  if (!nodes) {
    error(nodes.error().text());
    return;
  }
  const bool changed = online_nodes(*nodes) != online_nodes(topology_.nodes);
  if (changed || latency_.stale()) {
    auto topology = latency_.calibrate(*nodes);
    if (!topology) {
      error(topology.error().text());
    } else {
      const bool retiered = changed || nodes_by_tier(*topology) != nodes_by_tier(topology_);
      topology_ = std::move(*topology);
      tracker_.set_topology(topology_);
      if (retiered)
        events_.add(event("mode", fmt::format("{}: {} nodes in {} tiers now",
                                              changed ? "memory nodes changed" : "more of memory is known",
                                              topology_.nodes.size(), topology_.tiers.size())));
    }
  }
  runs_on_.close_tick(*nodes);
  state_.system = {};
  for (const auto& node : *nodes) {
    if (node.total.value == 0) continue;
    state_.system.nodes.push_back({node.id, latency_.loaded(node.id), node.free, node.total, node.online,
                                   traffic_of(node.id, readings_.memory_traffic)});
  }
  read_metrics(passed);
}

// Whatever has no sensor stays unknown to the forecaster; the policy takes the careful end of the pressures.
void Engine::read_metrics(Nanoseconds passed) {
  NodeContext context = context_of(topology_, state_.system);
  const MemoryPressure memory = parts_.pressure.memory_avg10();
  context[NodeMetric::kMemoryPressureSome] = memory.some;
  context[NodeMetric::kMemoryPressureFull] = memory.full;
  context[NodeMetric::kCpuPressureSome] = parts_.pressure.cpu_some_avg10();
  state_.system.memory_pressure_some = context[NodeMetric::kMemoryPressureSome].value_or(0);
  state_.system.cpu_pressure_some = context[NodeMetric::kCpuPressureSome].value_or(100);
  context[NodeMetric::kPower] = readings_.power;
  context[NodeMetric::kTemperature] = readings_.temperature;
  context[NodeMetric::kRefaults] = readings_.refaults;
  // Where no memory controller is counted the caches' traffic stands in: memory without CPUs of its own (CXL,
  // persistent) is not local to any of them.
  auto& fast = context[NodeMetric::kFastBandwidthUsed];
  auto& slow = context[NodeMetric::kSlowBandwidthUsed];
  if (!fast) fast = readings_.local_bandwidth;
  if (!slow) slow = readings_.remote_bandwidth;
  if (passed.count() > 0) {
    double moved = 0;
    for (const auto& report : fresh_reports_) moved += static_cast<double>(report.moved.value);
    context[NodeMetric::kMigrated] = moved / seconds(passed);
    context[NodeMetric::kSampled] = static_cast<double>(sampled_since_look_) / seconds(passed);
  }
  sampled_since_look_ = 0;
  state_.context = std::move(context);
}

MarkedTotals Engine::marked() const {
  MarkedTotals sum = parts_.migrator.totals().marked;
  if (parts_.finder != nullptr) sum += parts_.finder->totals();
  return sum;
}

std::vector<MeterDecision> Engine::meters() const {
  return parts_.metrics != nullptr ? parts_.metrics->meters() : std::vector<MeterDecision>{};
}

}  // namespace tier
