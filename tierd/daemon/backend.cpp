#include "tierd/daemon/backend.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "core/printable.h"
#include "predictor/forecaster.h"
#include "tierd/config/keys.h"
#include "tierd/control/config_view.h"
#include "tierd/daemon/settings.h"
#include "tierd/daemon/views.h"

namespace tier {
namespace {

std::string actor_of(const Caller& caller) { return fmt::format("uid {} pid {}", caller.uid, caller.pid); }

// What a reload puts in force of `next`; the rest stays as it was at the start, when what uses it was built.
Config in_force(const Config& start, const Config& next, bool prefetch_controlled) {
  Config made = next;
  made.interval = start.interval, made.region_size = start.region_size;
  made.sampling = start.sampling, made.migration = start.migration, made.control = start.control;
  made.tiers = start.tiers, made.tiers.exclude_nodes = next.tiers.exclude_nodes;
  made.policy.margin = start.policy.margin, made.policy.event_path = start.policy.event_path;
  made.policy.model = start.policy.model;
  made.prefetch = start.prefetch;
  // Without a desk nobody could begin to tune.
  if (prefetch_controlled) made.prefetch.arm = next.prefetch.arm;
  return made;
}

std::string name_of(const ConfigKey& key) {
  return key.name.ends_with(".*") ? key.name.substr(0, key.name.size() - 2) : key.name;
}

// Where `name`, or the first key below it, was set.
Origin origin_of(const LoadedConfig& loaded, const std::string& name) {
  const auto found = loaded.origins.lower_bound(name);
  const bool set =
      found != loaded.origins.end() && (found->first == name || found->first.starts_with(name + "."));
  return set ? found->second : Origin{};
}

// Beside the value in force: what a restart will make of it.
Origin waiting_origin(const ConfigKey& key, const LoadedConfig& start, const LoadedConfig& next) {
  const std::string name = name_of(key), value = key.show(next.config);
  const Origin old = origin_of(start, name), fresh = origin_of(next, name);
  if (!old.file.empty()) return {fmt::format("a restart brings {}; from {}", value, old.file), old.line};
  return {fmt::format("default; a restart brings {} of {}", value, fresh.file), fresh.line};
}

// An event is one line of bounded length; a file of nothing but mistakes has a problem for each line.
std::string one_line(std::string text) {
  constexpr std::size_t kMost = 2000;
  if (text.size() > kMost) text.replace(kMost, std::string::npos, "…");
  for (std::size_t at = 0; (at = text.find('\n', at)) != std::string::npos;) text.replace(at, 1, "; ");
  return text;
}

PrefetchWritesView nothing_written() {
  PrefetchWritesView view;
  view.state = "off";
  return view;
}

}  // namespace

Result<StatusView> DaemonBackend::status(const Caller&) {
  StatusView view = status_view(engine_, version_, config_.config.migration.rate_per_second);
  // A model that nobody asked for is not missed.
  const PolicyConfig& policy = config_.config.policy;
  if (policy.forecaster == kLearnedForecaster || !policy.model.empty()) view.model = model_refusal_;
  return view;
}
Result<DoctorView> DaemonBackend::doctor(const Caller&) {
  DoctorView view = doctor_(engine_);
  for (const std::string& unmatched : engine_.targets().unmatched())
    view.limits.push_back({"targets", true, unmatched, kUnmatchedFix});
  for (const std::string& who : config_.exposed)
    view.limits.push_back({"configuration", true, who, kExposedFix});
  return view;
}
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

Result<ConfigView> DaemonBackend::config_show(const Caller&) {
  ConfigView view = to_view(config_);
  view.restart = waiting_;
  return view;
}

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
  if (prefetch_ != nullptr) TIER_TRY(prefetch_->configure(loaded.config.prefetch));
  auto applied = engine_.apply(engine_settings(loaded.config));
  if (applied || prefetch_ == nullptr) return applied;
  if (auto back = prefetch_->configure(config_.config.prefetch); !back)
    applied.error().message += "; and prefetch control refused its old configuration: " + back.error().text();
  return applied;
}

// All or nothing. Returns the keys whose new values wait for a restart.
Result<std::vector<std::string>> DaemonBackend::read_again() {
  auto loaded = TIER_TRY(load_());
  LoadedConfig next = loaded;
  next.config = in_force(start_.config, loaded.config, prefetch_ != nullptr);
  TIER_TRY(apply(next));
  std::vector<std::string> waiting;
  for (const ConfigKey& key : config_keys()) {
    if (key.show(next.config) == key.show(loaded.config)) continue;
    const std::string name = name_of(key);
    waiting.push_back(name);
    std::erase_if(next.origins, [&](const auto& each) { return each.first.starts_with(name + "."); });
    next.origins[name] = waiting_origin(key, start_, loaded);
  }
  config_ = std::move(next);
  return waiting;
}

Result<void> DaemonBackend::reload_as(const std::string& actor) {
  auto waiting = read_again();
  Event event;
  event.actor = actor;
  if (waiting) {
    waiting_ = std::move(*waiting);
    event.kind = "reloaded";
    event.message = "configuration read";
    if (!waiting_.empty())
      event.message +=
          fmt::format("; these wait for a restart of the service: {}", fmt::join(waiting_, ", "));
    if (in_force_) in_force_(config_.config);
  } else {
    event.kind = "error";
    event.message =
        "the configuration is refused, the old one stays in force: " + one_line(waiting.error().text());
  }
  engine_.note(event);
  return waiting ? Result<void>{} : tl::make_unexpected(waiting.error());
}

Result<ConfigView> DaemonBackend::reload(const Caller& caller) {
  TIER_TRY(reload_as(actor_of(caller)));
  return config_show(caller);
}

// Why there is nobody to ask.
Error DaemonBackend::uncontrolled() const {
  const bool waits = std::find(waiting_.begin(), waiting_.end(), "prefetch.arm") != waiting_.end();
  if (config_.config.prefetch.arm.empty() && !waits) return prefetch_not_allowed();
  return {ErrorKind::kUnsupported, "prefetch control was not begun when tierd started",
          "`systemctl restart tierd`; `journalctl -u tierd` says why if that does not help"};
}

Result<PrefetchView> DaemonBackend::prefetch(const Caller&) {
  if (prefetch_ != nullptr) return prefetch_->prefetch();
  PrefetchView view;
  view.state = "off";
  view.note = uncontrolled().message;
  view.journal = config_.config.prefetch.journal;
  return view;
}

Result<PrefetchExplainView> DaemonBackend::prefetch_explain(const Caller&,
                                                            const PrefetchExplainQuery& query) {
  if (prefetch_ != nullptr) return prefetch_->prefetch_explain(query.control);
  return fail(ErrorKind::kFailed, fmt::format("no control is called \"{}\"", escaped_short(query.control)),
              uncontrolled().fix);
}

Result<PrefetchWritesView> DaemonBackend::prefetch_arm(const Caller& caller, bool dry_run) {
  if (prefetch_ != nullptr) return prefetch_->prefetch_arm(dry_run, actor_of(caller));
  return tl::make_unexpected(uncontrolled());
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
