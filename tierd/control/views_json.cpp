#include "tierd/control/views_json.h"

namespace tier {

// What NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT defines, but not inline.
#define TIER_VIEW(Type, ...)                                                                \
  void to_json(nlohmann::json& nlohmann_json_j, const Type& nlohmann_json_t) {              \
    NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(NLOHMANN_JSON_TO, __VA_ARGS__))                \
  }                                                                                         \
  void from_json(const nlohmann::json& nlohmann_json_j, Type& nlohmann_json_t) {            \
    const Type nlohmann_json_default_obj{};                                                 \
    NLOHMANN_JSON_EXPAND(NLOHMANN_JSON_PASTE(NLOHMANN_JSON_FROM_WITH_DEFAULT, __VA_ARGS__)) \
  }
TIER_VIEW(RivalView, name, advice)
TIER_VIEW(SourceView, name, fidelity, samples_per_second, price_per_sample_ns, cpu_share, taken, delivered,
          computing, undecoded, deferred, foreign, lost)
TIER_VIEW(TierView, rank, nodes, unloaded_latency_ns, total_bytes, free_bytes, resident_bytes, demand_share)
TIER_VIEW(PagesView, requested, moved, already_there, absent, marked, dropped, failed)
TIER_VIEW(MigratorView, requests, stale, cancelled, target_gone, promoted_bytes, demoted_bytes,
          rate_limit_bytes_per_second, seconds, made_visible)
TIER_VIEW(LedgerView, decisions, scored, useful, wasted, harmful, margin, expected_saved_seconds,
          stall_saved_seconds, move_cost_seconds, regret_seconds, without_effect, unknown, foreseen,
          unscored_cost_seconds, placed_saved_seconds)
TIER_VIEW(StageView, name, share)
TIER_VIEW(SelfCostView, cpu_seconds, cpu_share, observing_cpu_share, moving_cpu_share, stages, resident_bytes,
          bytes_per_managed_gib)
TIER_VIEW(MetricView, name, value)
TIER_VIEW(SightView, state, reason, may_move, unseen)
TIER_VIEW(TroubleView, message, count, seconds_ago)
TIER_VIEW(MeterStateView, name, used, delivers, reason)
TIER_VIEW(ReadingView, interface, why, mappings_share, places_share, mappings_seconds, places_seconds, reads,
          waiting, postponed, oldest_seconds, places_postponed, left_out, left_out_reason)
TIER_VIEW(StatusView, schema, version, mode, paused, uptime_seconds, ticks, interval_seconds,
          tick_work_seconds, targets, regions, managed_bytes, forecaster, sources, tiers, hit_share,
          hit_share_total, ledger, pages, migrator, self, metrics, meters, last_error, rivals, sight,
          troubles, late_ticks, worst_tick_seconds, worst_tick_phase, cpu_limit, thinning, held_bytes,
          located_bytes, located_demand_share, reading, model, unmatched)
TIER_VIEW(FeatureView, name, present, first_kernel, reason, fix)
TIER_VIEW(SourceChoiceView, name, chosen, reason, sight)
TIER_VIEW(LatencyView, node, latency_ns, source)
TIER_VIEW(CapabilityView, name, held, needed_for)
TIER_VIEW(LimitView, name, limits, reason, fix)
TIER_VIEW(DoctorView, schema, daemon_running, kernel, tiered, can_observe, can_act, verdict, features,
          sources, latencies, capabilities, meters, rivals, limits, sight, reading)
TIER_VIEW(NodeView, node, tier, online, has_cpus, total_bytes, free_bytes, unloaded_latency_ns,
          loaded_latency_ns, latency_source, read_bytes_per_second, used_bytes_per_second, distances)
TIER_VIEW(NodesView, schema, tiered, nodes, tiers)
TIER_VIEW(TopRow, pid, uid, name, cgroup, shared_by, regions, resident_bytes, located_bytes, fast_bytes,
          waited_seconds, demand, hit_share, samples, promoted_bytes, demoted_bytes)
TIER_VIEW(TopView, schema, interval_seconds, rows, hidden, omitted)
TIER_VIEW(HeatmapRow, pid, uid, name, start, end, shared_by, demand, tier, gone)
TIER_VIEW(HeatmapView, schema, interval_seconds, ticks, seconds, rows, omitted, unrecorded, hidden)
TIER_VIEW(SnapshotRegionView, start, demand, waited_seconds, write_share, pages)
TIER_VIEW(HeldView, start, count, pages)
TIER_VIEW(SnapshotTargetView, id, pid, uid, name, regions, held)
TIER_VIEW(SnapshotView, schema, tick, interval_ns, region_size_bytes, has_stall, sources, targets, omitted,
          hidden)
TIER_VIEW(DecisionView, id, tick, reason, from, to, fate, moved_bytes, expected_benefit_seconds,
          expected_cost_seconds, scored_benefit_seconds, measured_cost_seconds, detail)
TIER_VIEW(LeaderView, horizon, expert)
TIER_VIEW(AttentionView, token, weight)
TIER_VIEW(ExplainView, schema, pid, uid, name, address, region_start, region_end, mapping, mapped, shared_by,
          sharers, backing, pages, pinned, node, tier, resident_bytes, demand, waited_seconds, forecast_low,
          forecast_mean, forecast_high, leaders, attention, age_ticks, idle_ticks, tracked, why,
          benefit_of_moving_seconds, cost_of_moving_seconds, decisions, mappings_age_seconds)
TIER_VIEW(ForecastGroupView, forecaster, regions, waited_seconds, slowest_seconds, waited_share)
TIER_VIEW(ForecastGainView, ticks, verdict, saved_seconds, saved_seconds_low, saved_seconds_high, saved_share,
          saved_share_low, saved_share_high)
TIER_VIEW(ForecastView, schema, forecaster, reactive, compared, standing_back, leaders, control_share, ticks,
          interval_seconds, control, rest, recent, stage, life)
TIER_VIEW(Event, sequence, time_unix_ns, tick, kind, pid, uid, actor, message, region_start, from, to, bytes,
          benefit_seconds)
TIER_VIEW(EventsView, schema, events, next)
TIER_VIEW(ConfigValueView, key, value, origin)
TIER_VIEW(ConfigView, schema, files, values, toml, restart)
TIER_VIEW(PrefetchMeterView, name, used, reason)
TIER_VIEW(PrefetchSignalView, name, per_second, refused)
TIER_VIEW(PrefetchControlView, name, actuator, scope, setting, settings, context, reason, gain, gain_low,
          gain_high, transitions)
TIER_VIEW(PrefetchRefusalView, name, reason)
TIER_VIEW(PrefetchAdviceView, armed, ranges, advised_bytes, used_bytes, judged_bytes, useful_share, state)
TIER_VIEW(PrefetchView, schema, state, armed, note, journal, decisions, undecided, writes, transitions,
          progress, progress_signal, controls, refused, meters, signals, advice)
TIER_VIEW(PrefetchWriteView, knob, control, setting, before, after, fate)
TIER_VIEW(PrefetchWritesView, schema, state, dry_run, writes, refused)
TIER_VIEW(PrefetchArmView, setting, gain, gain_low, gain_high, evidence)
TIER_VIEW(PrefetchDecisionView, tick, from, to, reason)
TIER_VIEW(PrefetchExplainView, schema, control, arms, decisions, writes)
#undef TIER_VIEW

}  // namespace tier
