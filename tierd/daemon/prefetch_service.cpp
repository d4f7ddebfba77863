#include "tierd/daemon/prefetch_service.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "tierd/daemon/prefetch_views.h"

namespace tier {
namespace {

constexpr const char* kAdvice = "advice";
// Bytes a second: eight regions, each locked while it moves, are felt by the programs whose they are.
constexpr double kBurstOfMoves = 16.0 * (1 << 20);

bool has(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

std::optional<double> use_of(const TierContext& tier, std::optional<double> used, Nanoseconds unloaded) {
  if (used && tier.bandwidth && tier.bandwidth->value > 0)
    return *used / static_cast<double>(tier.bandwidth->value);
  if (tier.loaded_latency.count() <= 0 || unloaded.count() <= 0) return {};
  return std::clamp(seconds(tier.loaded_latency) / seconds(unloaded) - 1, 0.0, 1.0);
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
  for (std::size_t t = 0; t < std::min(state.context.tiers.size(), topology.tiers.size()); ++t) {
    const auto used = state.context[t == 0 ? NodeMetric::kFastBandwidthUsed : NodeMetric::kSlowBandwidthUsed];
    const auto use = use_of(state.context.tiers[t], used, topology.tiers[t].unloaded_latency);
    if (!use) continue;
    auto& into = t == 0 ? node.fast_use : node.slow_use;
    into = std::max(into.value_or(0), *use);
  }
  return node;
}

PrefetchService::PrefetchService(PrefetchServiceParts parts, const PrefetchConfig& config)
    : parts_(std::move(parts)), config_(config) {}

Result<void> PrefetchService::start() {
  if (config_.arm.empty()) return {};
  return arm_all().map([](const auto&) {});
}

void PrefetchService::after_engine_tick() {
  const EngineState& state = parts_.engine.state();
  parts_.samples.close();
  parts_.advice->tick(
      state.snapshot, state.forecasts, [this](TargetId id) { return parts_.engine.tracker().target(id); },
      state.last_tick);
}

void PrefetchService::tick() {
  parts_.loop->tick(prefetch_node(parts_.engine.state(), parts_.engine.topology(), parts_.samples));
}

Result<std::vector<PrefetchWrite>> PrefetchService::arm_all() {
  parts_.advice->arm(has(config_.arm, kAdvice));
  if (parts_.loop->settings().actuators.empty()) return std::vector<PrefetchWrite>{};
  return parts_.loop->arm();
}

Result<std::vector<PrefetchWrite>> PrefetchService::disarm_all() {
  parts_.advice->arm(false);
  return parts_.loop->disarm();
}

Result<PrefetchView> PrefetchService::prefetch() {
  PrefetchView view =
      prefetch_view(*parts_.loop, parts_.meters ? parts_.meters() : std::vector<MeterDecision>{});
  view.state = state();
  view.armed = config_.arm;
  view.journal = config_.journal;
  view.advice = advice_view(parts_.advice->state());
  return view;
}

Result<PrefetchExplainView> PrefetchService::prefetch_explain(const std::string& control) {
  return prefetch_explain_view(*parts_.loop, control);
}

Result<PrefetchWritesView> PrefetchService::prefetch_arm(bool dry_run, const std::string& actor) {
  if (config_.arm.empty()) return tl::make_unexpected(prefetch_not_allowed());
  auto writes = dry_run ? parts_.loop->rehearse() : arm_all();
  if (!writes) return tl::make_unexpected(writes.error());
  if (!dry_run && disarmed_) note("armed", actor);
  if (!dry_run) disarmed_ = false;
  PrefetchWritesView view = told(*writes);
  view.dry_run = dry_run;
  return view;
}

Result<PrefetchWritesView> PrefetchService::prefetch_disarm(const std::string& actor) {
  auto writes = disarm_all();
  if (!writes) return tl::make_unexpected(writes.error());
  if (!disarmed_ && !config_.arm.empty()) note("disarmed, everything is put back", actor);
  disarmed_ = true;
  return told(*writes);
}

Result<PrefetchWritesView> PrefetchService::prefetch_restore(const std::string& actor) {
  auto writes = disarm_all();
  if (!writes) return tl::make_unexpected(writes.error());
  if (!config_.arm.empty()) note("everything is put back", actor);
  if (!disarmed_)
    if (auto again = arm_all(); !again) return tl::make_unexpected(again.error());
  return told(*writes);
}

Result<void> PrefetchService::configure(const PrefetchConfig& config) {
  if (config.arm == config_.arm) return {};
  if (auto back = disarm_all(); !back) return tl::make_unexpected(back.error());
  const auto old = std::exchange(config_.arm, config.arm);
  parts_.loop->configure(prefetch_loop_settings(config_).actuators);
  disarmed_ = false;
  if (config_.arm.empty()) return {};
  auto armed = arm_all();
  if (armed) return {};
  config_.arm = old;
  parts_.loop->configure(prefetch_loop_settings(config_).actuators);
  if (!old.empty()) (void)arm_all();
  return tl::make_unexpected(armed.error());
}

PrefetchWritesView PrefetchService::told(const std::vector<PrefetchWrite>& writes) const {
  PrefetchWritesView view;
  view.state = state();
  for (const PrefetchWrite& each : writes) view.writes.push_back(write_view(each));
  for (const PrefetchRefusal& each : parts_.loop->refused()) view.refused.push_back({each.name, each.reason});
  return view;
}

std::string PrefetchService::state() const {
  if (config_.arm.empty()) return "off";
  return disarmed_ ? "disarmed" : "armed";
}

void PrefetchService::note(const std::string& message, const std::string& actor) const {
  Event event;
  event.kind = "prefetch";
  event.message = message;
  event.actor = actor;
  parts_.engine.note(event);
}

}  // namespace tier
