#include "tierd/daemon/object_views.h"

#include <fmt/format.h>

#include <set>

#include "core/object_id.h"

namespace tier {
namespace {

constexpr std::size_t kMostSharers = 8;

std::string base_name(std::string path) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (path.ends_with(kDeleted)) path.resize(path.size() - kDeleted.size());
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos || slash + 1 == path.size() ? path : path.substr(slash + 1);
}

}  // namespace

std::string object_label(const Engine& engine, const Target& object) {
  const Mapping* mapping = engine.tracker().first_mapping(object.id);
  const bool file = mapping != nullptr && mapping->backing == Backing::kFile;
  std::string name = file ? base_name(mapping->name) : "shared memory of " + object.name;
  if (object.mapped_by > 1) name += fmt::format(" ({} processes)", object.mapped_by);
  return name;
}

std::vector<Target> listed_objects(const Engine& engine) {
  std::set<TargetId> sampled;
  for (const Region& region : engine.state().snapshot.regions)
    if (region.samples > 0 && is_object(region.key.target)) sampled.insert(region.key.target);
  const Bytes size = engine.settings().tracker.region_size;
  std::vector<Target> listed;
  for (const Target* target : engine.tracker().targets()) {
    if (!target->object) continue;
    if (sampled.contains(target->id) || engine.tracker().mapped(target->id) >= size)
      listed.push_back(*target);
  }
  return listed;
}

void place_row(const Engine& engine, const RegionKey& key, TargetId viewer, HeatmapRow& row) {
  row.start = key.start;
  row.end = key.start + engine.settings().tracker.region_size.value;
  const Target* target = engine.tracker().target(key.target);
  if (target == nullptr) {
    const HeatRecord::Owner* owner = engine.heat().ended_owner(key.target);
    row.gone = true;
    if (owner == nullptr) return;
    row.pid = owner->pid.value, row.uid = owner->uid, row.name = owner->name,
    row.shared_by = owner->shared_by;
    return;
  }
  row.pid = target->pid.value;
  row.uid = target->uid;
  row.name = target->name;
  if (!target->object) return;
  row.name = object_label(engine, *target);
  row.shared_by = target->mapped_by;
  const auto mappers = engine.tracker().mappers_of(key.target);
  if (viewer.value == 0 && !mappers.empty()) viewer = mappers.front();
  if (const Target* process = engine.targets().find(viewer)) {
    row.pid = process->pid.value;
    row.uid = process->uid;
  }
  if (const auto range = engine.tracker().range_in(viewer, key))
    row.start = range->start, row.end = range->end;
}

void remember_ended(const Engine& engine, TargetId id, HeatRecord& heat) {
  const Target* process = engine.tracker().target(id);
  if (process == nullptr) return;
  heat.ended(id, {process->pid, process->uid, process->name, 0});
  // An object that others still map is found by the tracker, and this is not used.
  for (const TargetId each : engine.tracker().objects_of(id))
    if (const Target* object = engine.tracker().target(each))
      heat.ended(each, {process->pid, process->uid, object_label(engine, *object) + ", by offset",
                        object->mapped_by});
}

void fill_sharing(const Engine& engine, const RegionKey& key, const Target& viewer, ExplainView& view) {
  const Target* object = engine.tracker().target(key.target);
  if (object == nullptr || !object->object) return;
  if (const auto range = engine.tracker().range_in(viewer.id, key))
    view.region_start = range->start, view.region_end = range->end;
  view.shared_by = object->mapped_by;
  for (const TargetId id : engine.tracker().mappers_of(key.target)) {
    const Target* process = engine.targets().find(id);
    if (process == nullptr || process->uid != viewer.uid) continue;
    if (view.sharers.size() == kMostSharers) break;
    view.sharers.push_back(fmt::format("{} {}", process->pid.value, process->name));
  }
}

}  // namespace tier
