#include "tierd/daemon/prefetch_service.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "tierd/daemon/prefetch_views.h"

namespace tier {
namespace {

constexpr const char* kAdvice = "advice";
constexpr std::string_view kOff = "off", kArmed = "armed", kDisarmed = "disarmed";  // of PrefetchView
// Bytes a second: eight regions, each locked while it moves, are felt by the programs whose they are.
constexpr double kBurstOfMoves = 16.0 * (1 << 20);

bool has(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// Of the tier that is worst off, where the traffic of each is counted by itself.
std::optional<double> by_tier(std::span<const TierContext> tiers) {
  std::optional<double> most;
  for (const TierContext& tier : tiers) {
    if (!tier.used_bandwidth || !tier.bandwidth || tier.bandwidth->value == 0) return {};
    const double share = *tier.used_bandwidth / static_cast<double>(tier.bandwidth->value);
    most = std::max(most.value_or(0), std::clamp(share, 0.0, 1.0));
  }
  return most;
}

std::optional<double> by_bandwidth(std::span<const TierContext> tiers, std::optional<double> used) {
  if (const auto share = by_tier(tiers)) return share;
  double whole = 0;
  for (const TierContext& tier : tiers) {
    if (!tier.bandwidth || tier.bandwidth->value == 0) return {};
    whole += static_cast<double>(tier.bandwidth->value);
  }
  if (!used || !(whole > 0)) return {};
  return std::clamp(*used / whole, 0.0, 1.0);
}

// Of the tier that is worst off.
std::optional<double> by_latency(std::span<const TierContext> tiers, std::span<const Tier> known) {
  std::optional<double> most;
  for (std::size_t t = 0; t < std::min(tiers.size(), known.size()); ++t) {
    const Nanoseconds loaded = tiers[t].loaded_latency, unloaded = known[t].unloaded_latency;
    if (loaded.count() <= 0 || unloaded.count() <= 0) continue;
    const double risen = std::clamp(seconds(loaded) / seconds(unloaded) - 1, 0.0, 1.0);
    most = std::max(most.value_or(0), risen);
  }
  return most;
}

bool same(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::set(a.begin(), a.end()) == std::set(b.begin(), b.end());
}

}  // namespace

PrefetchLoopSettings prefetch_loop_settings(const PrefetchConfig& config) {
  PrefetchLoopSettings settings;
  settings.actuators = {config.arm.begin(), config.arm.end()};
  settings.actuators.erase(kAdvice);
  settings.devices = {config.devices.begin(), config.devices.end()};
  settings.interval = config.interval;
  settings.lease = config.lease;
  settings.tuner.transitions_per_minute = static_cast<unsigned>(config.transitions_per_minute);
  return settings;
}

PrefetchNode prefetch_node(const EngineState& state, const TierTopology& topology,
                           const CpuSamples& samples) {
  PrefetchNode node;
  node.cpus = samples.activity();
  node.migrating = state.context[NodeMetric::kMigrated].value_or(0) > kBurstOfMoves;
  const auto use = [](std::span<const TierContext> tiers, std::span<const Tier> known,
                      std::optional<double> used) {
    const auto share = by_bandwidth(tiers, used);
    return share ? share : by_latency(tiers, known);
  };
  const std::span tiers(state.context.tiers);
  const std::span known(topology.tiers);
  if (tiers.empty() || known.empty()) return node;
  node.fast_use = use(tiers.first(1), known.first(1), state.context[NodeMetric::kFastBandwidthUsed]);
  node.slow_use = use(tiers.subspan(1), known.subspan(1), state.context[NodeMetric::kSlowBandwidthUsed]);
  return node;
}

PrefetchService::PrefetchService(PrefetchServiceParts parts, const PrefetchConfig& config)
    : parts_(std::move(parts)), config_(config) {}

Result<void> PrefetchService::start() {
  // Arming does it by itself.
  if (parts_.loop->settings().actuators.empty() && journal_left({config_.journal, parts_.known_journal}))
    TIER_TRY(parts_.loop->recover());
  if (config_.arm.empty()) return {};
  return arm_all().map([](const auto&) {});
}

void PrefetchService::after_engine_tick() {
  const EngineState& state = parts_.engine.state();
  parts_.samples.close(state.last_tick);
  if (state.snapshot.tick.value != state.ticks) return;  // the engine rested: nothing new to advise
  parts_.advice->tick(
      state.snapshot, state.forecasts, [this](TargetId id) { return parts_.engine.tracker().target(id); },
      state.last_tick);
}

bool PrefetchService::armed() const { return state() == kArmed; }

void PrefetchService::tick() const {
  if (!armed()) return;
  parts_.loop->tick(prefetch_node(parts_.engine.state(), parts_.engine.topology(), parts_.samples));
}

// All of it or nothing.
Result<std::vector<PrefetchWrite>> PrefetchService::arm_all() {
  Result<std::vector<PrefetchWrite>> writes = std::vector<PrefetchWrite>{};
  if (!parts_.loop->settings().actuators.empty()) writes = parts_.loop->arm();
  failed_ = writes ? "" : writes.error().text();
  set_advice(writes && has(config_.arm, kAdvice));
  return writes;
}

// Where knobs cannot be put back nothing changes: it can be ordered again.
Result<std::vector<PrefetchWrite>> PrefetchService::disarm_all() {
  auto writes = parts_.loop->disarm();
  if (writes) set_advice(false);
  return writes;
}

void PrefetchService::set_advice(bool armed) const {
  if (parts_.advice->state().armed != armed) parts_.advice->arm(armed);
}

Result<PrefetchView> PrefetchService::prefetch() {
  PrefetchView view =
      prefetch_view(*parts_.loop, parts_.meters ? parts_.meters() : std::vector<MeterDecision>{});
  view.state = state();
  view.note = why();
  view.armed = config_.arm;
  view.journal = config_.journal;
  view.advice = advice_view(parts_.advice->state());
  return view;
}

Result<PrefetchExplainView> PrefetchService::prefetch_explain(const std::string& control) {
  return prefetch_explain_view(*parts_.loop, control);
}

Result<PrefetchWritesView> PrefetchService::rehearse() const {
  std::set<std::string> actuators = parts_.loop->settings().actuators;
  // One looks before one allows.
  if (config_.arm.empty())
    for (const ActuatorEntry& each : actuator_table()) actuators.insert(each.name);
  const auto rehearsed = TIER_TRY(parts_.loop->rehearse(actuators));
  PrefetchWritesView view = told(rehearsed.writes, rehearsed.refused);
  view.dry_run = true;
  return view;
}

Result<PrefetchWritesView> PrefetchService::prefetch_arm(bool dry_run, const std::string& actor) {
  if (dry_run) return rehearse();
  if (config_.arm.empty()) return tl::make_unexpected(prefetch_not_allowed());
  const std::string_view before = state();
  const auto writes = TIER_TRY(arm_all());
  disarmed_ = false;
  if (before != state()) note(fmt::format("armed: {}", fmt::join(config_.arm, ", ")), actor);
  return told(writes, parts_.loop->refused());
}

Result<PrefetchWritesView> PrefetchService::prefetch_disarm(const std::string& actor) {
  const auto writes = TIER_TRY(disarm_all());
  const std::string_view before = state();
  disarmed_ = true;
  if (before != state()) note("disarmed, everything is put back", actor);
  return told(writes, {});
}

Result<PrefetchWritesView> PrefetchService::prefetch_restore(const std::string& actor) {
  const bool armed = state() == kArmed;
  const auto writes = TIER_TRY(disarm_all());
  if (armed || !writes.empty()) note("everything is put back", actor);
  if (armed) TIER_TRY(arm_all());
  return told(writes, parts_.loop->refused());
}

Result<void> PrefetchService::configure(const PrefetchConfig& config) {
  if (same(config.arm, config_.arm)) return {};
  const bool armed = state() == kArmed;
  TIER_TRY(disarm_all());
  const auto old_arm = std::exchange(config_.arm, config.arm);
  const auto old_failure = failed_;
  parts_.loop->configure(prefetch_loop_settings(config_).actuators);
  const auto now = arm_all();
  if (now) {
    disarmed_ = false;
    return {};
  }
  config_.arm = old_arm, failed_ = old_failure;
  parts_.loop->configure(prefetch_loop_settings(config_).actuators);
  if (armed) (void)arm_all();  // the view says why where that fails, too
  return tl::make_unexpected(now.error());
}

PrefetchWritesView PrefetchService::told(const std::vector<PrefetchWrite>& writes,
                                         const std::vector<PrefetchRefusal>& refused) const {
  PrefetchWritesView view;
  view.state = state();
  for (const PrefetchWrite& each : writes) view.writes.push_back(write_view(each));
  for (const PrefetchRefusal& each : refused) view.refused.push_back({each.name, each.reason});
  return view;
}

std::string_view PrefetchService::state() const {
  if (config_.arm.empty()) return kOff;
  if (disarmed_) return kDisarmed;
  return failed_.empty() ? kArmed : kOff;
}

std::string PrefetchService::why() const {
  if (config_.arm.empty()) return prefetch_not_allowed().message;
  if (disarmed_) return "everything was put back by an order; `tierctl prefetch arm` goes on";
  return failed_.empty() ? parts_.loop->note() : "it could not be armed: " + failed_;
}

void PrefetchService::note(const std::string& message, const std::string& actor) const {
  Event event;
  event.kind = "prefetch";
  event.message = message;
  event.actor = actor;
  parts_.engine.note(event);
}

}  // namespace tier
