#include "tierd/daemon/backend.h"

#include <fmt/format.h>

#include "tierd/control/config_view.h"
#include "tierd/daemon/settings.h"
#include "tierd/daemon/views.h"

namespace tier {
namespace {

std::string actor_of(const Caller& caller) { return fmt::format("uid {} pid {}", caller.uid, caller.pid); }

// Without a desk nobody could begin to tune.
bool prefetch_needs_restart(const PrefetchConfig& before, PrefetchConfig after, bool controlled) {
  if (controlled) after.arm = before.arm;
  return before != after;
}

// What only a restart can change: sources, socket and tiers are built once.
bool needs_restart(const Config& before, const Config& after) {
  return before.control.socket != after.control.socket || before.control.group != after.control.group ||
         before.region_size != after.region_size || before.tiers.latency != after.tiers.latency ||
         before.tiers.latencies != after.tiers.latencies || before.tiers.same_tier != after.tiers.same_tier ||
         before.policy.event_path != after.policy.event_path || before.policy.model != after.policy.model ||
         before.sampling.source != after.sampling.source;
}

// Why there is nobody to ask.
Error uncontrolled(const PrefetchConfig& config) {
  if (config.arm.empty()) return prefetch_not_allowed();
  return {ErrorKind::kUnsupported, "prefetch control was not begun when tierd started",
          "`systemctl restart tierd`; `journalctl -u tierd` says why if that does not help"};
}

PrefetchWritesView nothing_written() {
  PrefetchWritesView view;
  view.state = "off";
  return view;
}

}  // namespace

Result<StatusView> DaemonBackend::status(const Caller&) {
  return status_view(engine_, version_, config_.config.migration.rate_per_second);
}
Result<DoctorView> DaemonBackend::doctor(const Caller&) { return doctor_(engine_); }
Result<NodesView> DaemonBackend::nodes(const Caller&) { return nodes_view(engine_); }
Result<TopView> DaemonBackend::top(const Caller&, const TopQuery& query) { return top_view(engine_, query); }
Result<HeatmapView> DaemonBackend::heatmap(const Caller&, const HeatmapQuery& query) {
  return heatmap_view(engine_, query);
}
Result<ForecastView> DaemonBackend::forecast(const Caller&) { return forecast_view(engine_); }
Result<SnapshotView> DaemonBackend::snapshot(const Caller& caller, const SnapshotQuery& query) {
  return snapshot_view(engine_, caller, query);
}
Result<ExplainView> DaemonBackend::explain(const Caller&, const ExplainQuery& query) {
  return explain_view(engine_, query);
}

Result<EventsView> DaemonBackend::events(const Caller&, const EventsQuery& query) {
  EventsView view;
  view.events = engine_.events().since(query.since, query.limit);
  view.next = view.events.empty() ? query.since : view.events.back().sequence;
  return view;
}

Result<ConfigView> DaemonBackend::config_show(const Caller&) { return to_view(config_); }

Result<void> DaemonBackend::pause(const Caller& caller) {
  engine_.set_paused(true, actor_of(caller));
  return {};
}

Result<void> DaemonBackend::resume(const Caller& caller) {
  engine_.set_paused(false, actor_of(caller));
  return {};
}

// Both or none. Prefetch control first: it may refuse for what the machine lacks, and the engine, which would
// begin its accounts anew, has not been touched then.
Result<void> DaemonBackend::apply(const LoadedConfig& loaded) {
  if (prefetch_ != nullptr)
    if (auto configured = prefetch_->configure(loaded.config.prefetch); !configured) return configured;
  auto applied = engine_.apply(engine_settings(loaded.config));
  if (applied || prefetch_ == nullptr) return applied;
  if (auto back = prefetch_->configure(config_.config.prefetch); !back)
    applied.error().message += "; and prefetch control refused its old configuration: " + back.error().text();
  return applied;
}

Result<void> DaemonBackend::reload_as(const std::string& actor) {
  auto loaded = load_();
  if (!loaded) return tl::make_unexpected(loaded.error());
  const bool restart =
      needs_restart(config_.config, loaded->config) ||
      prefetch_needs_restart(config_.config.prefetch, loaded->config.prefetch, prefetch_ != nullptr);
  if (auto applied = apply(*loaded); !applied) return applied;
  config_ = std::move(*loaded);
  Event event;
  event.kind = "reloaded";
  event.actor = actor;
  event.message = "configuration read";
  if (restart)
    event.message += fmt::format(
        "; some of its changes need a restart of the service: [control], [tiers], region_size, "
        "sampling.source, policy.event_path, policy.model, [prefetch]{}",
        prefetch_ != nullptr ? " but for prefetch.arm" : "");
  engine_.note(event);
  return {};
}

Result<ConfigView> DaemonBackend::reload(const Caller& caller) {
  if (const auto done = reload_as(actor_of(caller)); !done) return tl::make_unexpected(done.error());
  return to_view(config_);
}

Result<PrefetchView> DaemonBackend::prefetch(const Caller&) {
  if (prefetch_ != nullptr) return prefetch_->prefetch();
  PrefetchView view;
  view.state = "off";
  view.note = uncontrolled(config_.config.prefetch).message;
  view.journal = config_.config.prefetch.journal;
  return view;
}

Result<PrefetchExplainView> DaemonBackend::prefetch_explain(const Caller&,
                                                            const PrefetchExplainQuery& query) {
  if (prefetch_ != nullptr) return prefetch_->prefetch_explain(query.control);
  return fail(ErrorKind::kFailed, fmt::format("no control is called \"{}\"", query.control),
              uncontrolled(config_.config.prefetch).fix);
}

Result<PrefetchWritesView> DaemonBackend::prefetch_arm(const Caller& caller, bool dry_run) {
  if (prefetch_ != nullptr) return prefetch_->prefetch_arm(dry_run, actor_of(caller));
  return tl::make_unexpected(uncontrolled(config_.config.prefetch));
}

Result<PrefetchWritesView> DaemonBackend::prefetch_disarm(const Caller& caller) {
  if (prefetch_ != nullptr) return prefetch_->prefetch_disarm(actor_of(caller));
  return nothing_written();
}

Result<PrefetchWritesView> DaemonBackend::prefetch_restore(const Caller& caller) {
  if (prefetch_ != nullptr) return prefetch_->prefetch_restore(actor_of(caller));
  return nothing_written();
}

}  // namespace tier
