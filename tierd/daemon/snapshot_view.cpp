// The last tick as a recorder needs it.
#include <algorithm>
#include <map>

#include "tierd/control/redact.h"
#include "tierd/daemon/object_views.h"
#include "tierd/daemon/views.h"

namespace tier {
namespace {

bool all_weigh_stall(const std::vector<SourceStatus>& sources) {
  return !sources.empty() && std::all_of(sources.begin(), sources.end(), [](const SourceStatus& source) {
    return source.meaning == WeightMeaning::kStall;
  });
}

std::optional<std::vector<HeldView>> held_view(const Engine& engine, TargetId target, std::size_t& room) {
  const auto runs = engine.tracker().held(target);
  if (runs.size() > room) return std::nullopt;
  room -= runs.size();
  std::vector<HeldView> views;
  views.reserve(runs.size());
  for (const RegionRun& run : runs) views.push_back({run.start, run.count, to_string(run.pages)});
  return views;
}

using RowsByTarget = std::map<TargetId, SnapshotTargetView*>;

// The most demanded, when there are more than one answer carries.
void add_regions(const std::vector<Region>& regions, const RowsByTarget& rows, std::size_t max,
                 SnapshotView& view) {
  std::vector<const Region*> wanted;
  for (const Region& region : regions)
    if (region.demand.value > 0 && rows.contains(region.key.target)) wanted.push_back(&region);
  if (wanted.size() > max) {
    view.omitted = wanted.size() - max;
    std::nth_element(wanted.begin(), wanted.begin() + static_cast<std::ptrdiff_t>(max), wanted.end(),
                     [](const Region* a, const Region* b) { return a->demand > b->demand; });
    wanted.resize(max);
    std::sort(wanted.begin(), wanted.end(), [](const Region* a, const Region* b) { return a->key < b->key; });
  }
  for (const Region* region : wanted)
    rows.at(region->key.target)
        ->regions.push_back({region->key.start, region->demand.value, region->waited.value,
                             region->write_share, to_string(region->pages)});
}

}  // namespace

SnapshotView snapshot_view(const Engine& engine, const Caller& caller, const SnapshotQuery& query) {
  const RegionSnapshot& snapshot = engine.state().snapshot;
  SnapshotView view;
  view.tick = snapshot.tick.value;
  if (view.tick <= query.since) return view;
  const auto sources = engine.sources();
  view.interval_ns = snapshot.interval.count();
  view.region_size_bytes = engine.settings().tracker.region_size.value;
  view.has_stall = all_weigh_stall(sources);
  for (const SourceStatus& source : sources) view.sources.push_back(source.name);
  std::size_t room = query.max_runs;
  std::vector<Target> targets = engine.targets().targets();
  for (const Target* target : engine.tracker().targets())
    if (target->object) targets.push_back(*target);
  for (const Target& target : targets) {
    if (!may_see(caller, target.uid)) {
      ++view.hidden;
      continue;
    }
    SnapshotTargetView& row = view.targets.emplace_back();
    row.id = target.id.value;
    row.pid = target.pid.value;
    row.uid = target.uid;
    row.name = target.object ? object_label(engine, target) : target.name;
    if (query.held) row.held = held_view(engine, target.id, room);
  }
  RowsByTarget rows;  // once no row moves any more
  for (SnapshotTargetView& row : view.targets) rows[TargetId{static_cast<std::uint32_t>(row.id)}] = &row;
  add_regions(snapshot.regions, rows, query.max_regions, view);
  return view;
}

}  // namespace tier
