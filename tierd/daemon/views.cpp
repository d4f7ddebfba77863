#include "tierd/daemon/views.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>
#include <map>
#include <set>

#include "tierd/daemon/object_views.h"

namespace tier {
namespace {

constexpr double kBytesPerGib = 1024.0 * 1024.0 * 1024.0;

std::string errno_name(int error_number) {
  const char* name = strerrorname_np(error_number);
  return name != nullptr ? name : fmt::format("errno {}", error_number);
}

SourceView source_view(const SourceStatus& status) {
  SourceView view;
  view.name = status.name;
  view.fidelity = status.fidelity;
  view.samples_per_second = status.samples_per_second;
  view.price_per_sample_ns = status.price_per_sample.count();
  view.cpu_share = status.cpu_share;
  view.taken = status.totals.taken;
  view.delivered = status.totals.delivered;
  view.computing = status.totals.computing;
  view.undecoded = status.totals.undecoded;
  view.deferred = status.totals.deferred;
  view.foreign = status.totals.foreign;
  view.lost = status.totals.lost;
  return view;
}

struct Located {
  std::uint64_t held = 0;   // by the watched processes, as the kernel counts it for each of them
  std::uint64_t bytes = 0;  // in regions whose place is known
  double demand = 0, located_demand = 0;
};

Located located_of(const Engine& engine) {
  Located out;
  for (const auto& target : engine.targets().targets()) out.held += target.resident.value;
  for (const auto& region : engine.state().snapshot.regions) {
    out.demand += region.demand.value;
    if (region.node.value < 0) continue;
    out.bytes += region.resident.value;
    out.located_demand += region.demand.value;
  }
  return out;
}

std::vector<TierView> tier_views(const Engine& engine) {
  std::vector<TierView> views;
  double demand = 0;
  for (const auto& region : engine.state().snapshot.regions) demand += region.demand.value;
  const Located located = located_of(engine);
  for (const auto& tier : engine.topology().tiers) {
    TierView view;
    view.rank = tier.rank;
    view.unloaded_latency_ns = tier.unloaded_latency.count();
    std::set<NodeId> nodes(tier.nodes.begin(), tier.nodes.end());
    for (const NodeId node : tier.nodes) {
      view.nodes.push_back(node.value);
      if (const NodeState* state = engine.state().system.find(node)) {
        view.total_bytes += state->total.value;
        view.free_bytes += state->free.value;
      }
    }
    double here = 0;
    std::uint64_t resident = 0;
    for (const auto& region : engine.state().snapshot.regions) {
      if (!nodes.contains(region.node)) continue;
      resident += region.resident.value;
      here += region.demand.value;
    }
    // Nothing here, and not all was asked for: that says nothing.
    if (resident > 0 || located.bytes >= located.held) view.resident_bytes = resident;
    if (demand > 0) view.demand_share = here / demand;
    views.push_back(std::move(view));
  }
  return views;
}

PagesView pages_view(const PageCounts& pages) {
  PagesView view;
  view.requested = pages.requested;
  view.moved = pages.moved;
  view.already_there = pages.already_there;
  view.absent = pages.absent;
  view.marked = pages.marked;
  view.dropped = pages.dropped;
  for (const auto& [error_number, count] : pages.failed) view.failed[errno_name(error_number)] += count;
  return view;
}

MigratorView migrator_view(const MigratorTotals& totals, Bytes rate_limit) {
  MigratorView view;
  for (const auto& [fate, count] : totals.requests) {
    view.requests += count;
    if (fate == MoveFate::kStale) view.stale += count;
    if (fate == MoveFate::kCancelled) view.cancelled += count;
    if (fate == MoveFate::kTargetGone) view.target_gone += count;
  }
  view.promoted_bytes = totals.promoted.value;
  view.demoted_bytes = totals.demoted.value;
  view.rate_limit_bytes_per_second = rate_limit.value;
  view.seconds = seconds(totals.calls.spent);
  view.made_visible = totals.marked.visible;
  return view;
}

LedgerView ledger_view(const Ledger& ledger) {
  const LedgerTotals& totals = ledger.totals();
  LedgerView view;
  view.decisions = totals.planned;
  view.scored = totals.scored;
  view.useful = totals.useful;
  view.wasted = totals.wasted;
  view.harmful = totals.harmful;
  view.margin = ledger.margin();
  view.expected_saved_seconds = totals.expected.value;
  view.stall_saved_seconds = totals.saved().value;
  if (totals.placed.value != 0) view.placed_saved_seconds = totals.placed_net().value;
  view.move_cost_seconds = totals.cost.value;
  view.regret_seconds = totals.regret.value;
  view.without_effect = totals.void_moves;
  view.unknown = totals.unknown;
  view.foreseen = totals.foreseen;
  view.unscored_cost_seconds = std::max(0.0, (totals.cost - totals.scored_cost).value);
  return view;
}

SelfCostView self_view(const Engine& engine) {
  SelfCostView view;
  view.cpu_seconds = seconds(engine.state().self.cpu);
  view.cpu_share = engine.state().self_cpu_share;
  view.observing_cpu_share = engine.state().observing_cpu_share;
  view.moving_cpu_share = engine.state().moving_cpu_share;
  for (const auto& [name, share] : engine.tick_account().shares()) view.stages.push_back({name, share});
  view.resident_bytes = engine.state().self.resident.value;
  const double managed = static_cast<double>(engine.tracker().mapped().value) / kBytesPerGib;
  if (managed > 0) view.bytes_per_managed_gib = static_cast<double>(engine.bytes_used()) / managed;
  return view;
}

DecisionView decision_view(const Decision& decision) {
  DecisionView view;
  view.id = decision.request.id;
  view.tick = decision.planned.value;
  view.reason = to_string(decision.request.reason);
  view.from = decision.request.from.value;
  view.to = decision.request.to.value;
  view.expected_benefit_seconds = decision.request.benefit.value;
  view.expected_cost_seconds = decision.request.cost.value;
  if (decision.imagined) view.fate = decision.declined ? "declined" : "imagined";
  if (decision.report) {
    view.fate = to_string(decision.report->fate);
    view.moved_bytes = decision.report->moved.value;
    view.measured_cost_seconds = decision.realised_cost.value;
    view.detail = decision.report->detail;
  }
  if (decision.scored) {
    view.scored_benefit_seconds = decision.realised_benefit.value;
    view.detail += (view.detail.empty() ? "" : ", ") + std::string(to_string(decision.verdict));
  }
  return view;
}

const char* backing_name(Backing backing) {
  switch (backing) {
    case Backing::kAnonymous:
      return "anonymous";
    case Backing::kFile:
      return "file";
    case Backing::kShared:
      return "shared";
  }
  return "unknown";
}

const char* pinned_name(Pinned pinned) {
  switch (pinned) {
    case Pinned::kNo:
      return "";
    case Pinned::kMlocked:
      return "locked by the program (mlock)";
    case Pinned::kUnmovable:
      return "the kernel refused repeatedly to move it";
    case Pinned::kOwnPolicy:
      return "bound by the program itself (mbind)";
    case Pinned::kUnseen:
      return "no access source sees its program, so its idleness means nothing";
  }
  return "";
}

const Target* target_of_pid(const Engine& engine, std::int32_t pid) {
  for (const auto& target : engine.targets().targets()) {
    if (target.pid.value == pid) return &target;
  }
  return nullptr;
}

void fill_region(const Engine& engine, const RegionKey& key, ExplainView& view) {
  const auto& snapshot = engine.state().snapshot;
  const auto it = std::lower_bound(snapshot.regions.begin(), snapshot.regions.end(), key,
                                   [](const Region& region, const RegionKey& k) { return region.key < k; });
  if (it == snapshot.regions.end() || it->key != key) return;
  view.tracked = true;
  view.region_start = it->range.start;
  view.region_end = it->range.end;
  view.backing = backing_name(it->backing);
  view.pages = to_string(it->pages);
  view.pinned = pinned_name(it->pinned);
  view.node = it->node.value;
  view.tier = engine.topology().tier_of(it->node).value_or(-1);
  view.resident_bytes = it->resident.value;
  view.demand = it->demand.value;
  view.waited_seconds = it->waited.value;
  view.age_ticks = it->age;
  view.idle_ticks = it->idle;
  const auto index = static_cast<std::size_t>(it - snapshot.regions.begin());
  if (index < engine.state().forecasts.forecasts.size()) {
    const auto& quantiles = engine.state().forecasts.forecasts[index].horizons.front();
    view.forecast_low = quantiles.low;
    view.forecast_mean = quantiles.mean;
    view.forecast_high = quantiles.high;
  }
}

TopRow top_row(const Engine& engine, const Target& target) {
  TopRow row;
  row.pid = target.pid.value;
  row.uid = target.uid;
  row.name = target.name;
  row.cgroup = target.cgroup;
  row.resident_bytes = target.resident.value;
  double fast_demand = 0, located_demand = 0;
  std::uint64_t fast = 0;
  for (const auto& region : engine.state().snapshot.regions) {
    if (region.key.target != target.id) continue;
    ++row.regions;
    row.waited_seconds += region.waited.value;
    row.demand += region.demand.value;
    row.samples += region.samples;
    if (region.node.value < 0) continue;  // its place is not known
    row.located_bytes += region.resident.value;
    located_demand += region.demand.value;
    if (engine.topology().tier_of(region.node) == 0) {
      fast += region.resident.value;
      fast_demand += region.demand.value;
    }
  }
  if (row.located_bytes > 0 || row.resident_bytes == 0) row.fast_bytes = fast;
  if (located_demand > 0) row.hit_share = fast_demand / located_demand;
  if (const auto it = engine.state().totals.find(target.id); it != engine.state().totals.end()) {
    row.promoted_bytes = it->second.promoted.value;
    row.demoted_bytes = it->second.demoted.value;
  }
  return row;
}

void fill_forecaster(const Engine& engine, ExplainView& view) {
  const auto leaders = engine.forecaster().leaders();
  for (std::size_t i = 0; i < leaders.size() && i < kHorizons.size(); ++i)
    view.leaders.push_back({kHorizons[i], leaders[i]});
  for (const Attention& each : engine.forecaster().attention())
    view.attention.push_back({each.token, each.weight});
  std::stable_sort(view.attention.begin(), view.attention.end(),
                   [](const AttentionView& a, const AttentionView& b) { return a.weight > b.weight; });
}

}  // namespace

SightView sight_view(const Sight& sight) {
  return {to_string(sight.state()), sight.reason(), sight.may_move(), sight.unseen().size()};
}

ReadingView reading_view(const Engine& engine) {
  const MappingTurns& turns = engine.mapping_turns();
  const MappingsAccount account = engine.mappings_account();
  ReadingView view;
  view.interface = account.interface;
  view.why = account.why;
  view.mappings_share = turns.budget().share();
  view.places_share = engine.places_budget().share();
  view.mappings_seconds = seconds(turns.budget().spent());
  view.places_seconds = seconds(engine.places_budget().spent());
  view.reads = turns.reads();
  view.waiting = turns.waiting();
  view.postponed = turns.postponed();
  view.oldest_seconds = seconds(turns.oldest());
  view.places_postponed = engine.places_postponed();
  view.left_out = account.left_out;
  view.left_out_reason = account.left_out_reason;
  return view;
}

StatusView status_view(const Engine& engine, const std::string& version, Bytes rate_limit) {
  const auto& state = engine.state();
  StatusView view;
  view.version = version;
  view.mode = engine.settings().act ? "act" : "observe";
  view.paused = state.paused;
  view.uptime_seconds = seconds(state.last_tick - state.started);
  view.ticks = state.ticks;
  view.interval_seconds = seconds(engine.tick_length());
  view.tick_work_seconds = seconds(state.last_work);
  view.targets = engine.targets().targets().size();
  view.regions = engine.tracker().regions_known();
  view.managed_bytes = engine.tracker().mapped().value;
  view.forecaster = engine.forecaster().name();  // which need not be the one asked for
  view.late_ticks = engine.tick_account().late();
  view.worst_tick_seconds = seconds(engine.tick_account().worst());
  view.worst_tick_phase = engine.tick_account().worst_phase();
  view.cpu_limit = engine.governor().limit();
  view.thinning = engine.governor().story();
  const Located located = located_of(engine);
  view.held_bytes = located.held, view.located_bytes = located.bytes;
  if (located.demand > 0) view.located_demand_share = located.located_demand / located.demand;
  for (const auto& source : engine.sources()) view.sources.push_back(source_view(source));
  view.tiers = tier_views(engine);
  if (state.score.demand > 0) view.hit_share = state.score.hit_share;
  const auto& totals = engine.ledger().totals();
  if (totals.demand > 0) view.hit_share_total = totals.demand_fast / totals.demand;
  view.ledger = ledger_view(engine.ledger());
  const auto moves = engine.migrator().totals();
  view.pages = pages_view(moves.pages);
  view.migrator = migrator_view(moves, rate_limit);
  view.self = self_view(engine);
  for (std::size_t i = 0; i < kNodeMetrics; ++i)
    view.metrics.push_back({to_string(static_cast<NodeMetric>(i)), state.context.metrics[i]});
  view.meters = meter_views(engine.meters());
  const Nanoseconds now = state.last_tick;
  for (const Trouble& trouble : engine.troubles())
    view.troubles.push_back({trouble.message, trouble.count, std::max(0.0, seconds(now - trouble.last))});
  if (!view.troubles.empty()) view.last_error = view.troubles.front().message;
  view.sight = sight_view(engine.sight());
  view.reading = reading_view(engine);
  view.unmatched = engine.targets().unmatched();
  for (const auto& rival : state.rivals) view.rivals.push_back({rival.name, rival.advice});
  return view;
}

std::vector<MeterStateView> meter_views(const std::vector<MeterDecision>& meters) {
  std::vector<MeterStateView> views;
  views.reserve(meters.size());
  for (const MeterDecision& each : meters)
    views.push_back({each.name, each.used, each.delivers, each.reason});
  return views;
}

NodesView nodes_view(const Engine& engine) {
  NodesView view;
  view.tiered = engine.topology().tiered();
  view.tiers = tier_views(engine);
  for (const auto& node : engine.topology().nodes) {
    NodeView row;
    row.node = node.id.value;
    row.tier = engine.topology().tier_of(node.id).value_or(-1);
    row.has_cpus = node.has_cpus;
    row.total_bytes = node.total.value;
    row.free_bytes = node.free.value;
    if (const NodeState* state = engine.state().system.find(node.id)) {
      row.online = state->online;
      row.total_bytes = state->total.value;
      row.free_bytes = state->free.value;
      row.loaded_latency_ns = state->loaded_latency.count();
      row.used_bytes_per_second = state->used_bandwidth;
    }
    if (node.read_latency) row.unloaded_latency_ns = node.read_latency->count();
    row.latency_source = to_string(node.latency_source);
    if (node.read_bandwidth) row.read_bytes_per_second = node.read_bandwidth->value;
    row.distances = node.distances;
    view.nodes.push_back(std::move(row));
  }
  return view;
}

TopView top_view(const Engine& engine, const TopQuery& query) {
  TopView view;
  view.interval_seconds = seconds(engine.state().snapshot.interval);
  for (const auto& target : engine.targets().targets()) view.rows.push_back(top_row(engine, target));
  for (const auto& object : listed_objects(engine)) {
    TopRow& row = view.rows.emplace_back(top_row(engine, object));
    row.name = object_label(engine, object);
    row.shared_by = object.mapped_by;
    row.resident_bytes = engine.tracker().resident(object.id).value;
  }
  std::stable_sort(view.rows.begin(), view.rows.end(),
                   [](const TopRow& a, const TopRow& b) { return a.waited_seconds > b.waited_seconds; });
  if (query.limit > 0 && view.rows.size() > query.limit) {
    view.omitted = view.rows.size() - query.limit;
    view.rows.resize(query.limit);
  }
  return view;
}

HeatmapView heatmap_view(const Engine& engine, const HeatmapQuery& query) {
  HeatmapView view;
  view.interval_seconds = std::max(1.0, seconds(engine.tick_length()));
  TargetId viewer{0};
  std::set<TargetId> wanted;
  if (query.pid != 0) {
    const Target* target = target_of_pid(engine, query.pid);
    if (target == nullptr) return view;
    viewer = target->id;
    wanted.insert(viewer);
    for (const TargetId object : engine.tracker().objects_of(viewer)) wanted.insert(object);
  }
  auto map = engine.heat().map(wanted, query.max_rows, query.max_ticks);
  view.ticks = map.ticks;
  view.seconds = map.seconds;
  view.unrecorded = map.unrecorded;
  view.omitted = map.omitted;
  std::sort(map.rows.begin(), map.rows.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  for (const auto& row : map.rows) {
    HeatmapRow out;
    place_row(engine, row.key, viewer, out);
    for (const auto& cell : row.cells) {
      out.demand.push_back(cell.demand);
      out.tier.push_back(cell.tier);
    }
    view.rows.push_back(std::move(out));
  }
  return view;
}

Result<ExplainView> explain_view(const Engine& engine, const ExplainQuery& query) {
  const Target* target = target_of_pid(engine, query.pid);
  if (target == nullptr) {
    return fail(ErrorKind::kFailed, fmt::format("process {} is not watched", query.pid),
                "name it under [targets] in the configuration; `tierctl top` lists who is watched");
  }
  const auto key = engine.tracker().key_of(target->id, query.address);
  if (!key) {
    return fail(ErrorKind::kFailed,
                fmt::format("address {:#x} is not mapped in process {}", query.address, query.pid),
                fmt::format("take one from /proc/{}/maps", query.pid));
  }
  ExplainView view;
  view.pid = query.pid;
  view.uid = target->uid;
  view.name = target->name;
  view.address = query.address;
  view.region_start = key->start;
  view.region_end = key->start + engine.settings().tracker.region_size.value;
  if (const Mapping* mapping = engine.tracker().mapping_of(target->id, query.address)) {
    view.mapping = mapping->name;
    view.mapped = mapping->range.contains(query.address);
    view.backing = backing_name(mapping->backing);
  }
  if (const auto age = engine.mapping_turns().age(target->id)) view.mappings_age_seconds = seconds(*age);
  fill_region(engine, *key, view);
  fill_sharing(engine, *key, *target, view);
  fill_forecaster(engine, view);
  const Standing standing = engine.standing(*key);
  view.why = standing.why;
  if (standing.benefit) view.benefit_of_moving_seconds = standing.benefit->value;
  if (standing.cost) view.cost_of_moving_seconds = standing.cost->value;
  const RegionStory story = engine.ledger().explain(*key);
  if (!story.text.empty()) view.why += (view.why.empty() ? "" : " ") + story.text;
  for (const auto& decision : story.decisions) view.decisions.push_back(decision_view(decision));
  return view;
}

}  // namespace tier
