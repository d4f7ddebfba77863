// Memory that processes share, as targets of its own.
#include <algorithm>

#include "tierd/tracker/tracker_state.h"

namespace tier {
namespace {

// Through so many processes at most the pages of one region are looked for. Each has its own page table, and
// those that sampled the region last have touched most of it.
constexpr std::size_t kMostViews = 8;

}  // namespace

// An object is described by the process that has had it for longest, so that its description stays while
// others come and go. Its pages are each mapper's: they go only where all of them may have memory.
Target Tracker::State::describe_object(const SharedObject& object) const {
  const std::vector<TargetId> mappers = object.mappers();
  Target target = targets.at(mappers.front()).target();
  const std::vector<NodeId> first_allows = target.allowed_nodes;
  target.id = object.id();
  target.object = object.object();
  target.mapped_by = static_cast<std::uint32_t>(mappers.size());
  for (const TargetId id : mappers) {
    const Target& mapper = targets.at(id).target();
    std::erase_if(target.allowed_nodes, [&](NodeId node) {
      return std::find(mapper.allowed_nodes.begin(), mapper.allowed_nodes.end(), node) ==
             mapper.allowed_nodes.end();
    });
    target.resident = std::max(target.resident, mapper.resident);
  }
  if (target.allowed_nodes.empty()) target.allowed_nodes = first_allows;
  return target;
}

// Brings the objects' own targets up to what their mappers map now.
void Tracker::State::settle_objects() {
  for (const TargetId id : objects.take_changed()) {
    const SharedObject& object = *objects.find(id);
    put_target(describe_object(object), object.parts());
  }
}

std::optional<LocateRequest> Tracker::State::reach(const TargetRegions& regions, Address start) const {
  const Target& target = regions.target();
  const RegionKey key{target.id, start};
  const AddressRange range = regions.shape(start).range;
  if (range.empty()) return std::nullopt;
  const SharedObject* object = objects.find(target.id);
  if (object == nullptr) return LocateRequest{key, target.pid, range, {}, target.start_time};
  const RegionRecord* record = regions.find(start);
  const auto found =
      object->reach(region_at(start), record != nullptr ? record->sampler : TargetId{}, kMostViews);
  if (!found) return std::nullopt;
  LocateRequest request;
  request.key = key;
  for (const ObjectView& view : found->views) {
    const Target& process = targets.at(view.process).target();
    request.also.push_back({process.pid, process.start_time, view.start});
  }
  const ProcessView first = request.also.front();
  request.also.erase(request.also.begin());
  request.pid = first.pid;
  request.start_time = first.start_time;
  request.range = {first.start, first.start + found->offsets.size().value};
  return request;
}

// An object that one unseen process maps may be in use without a sample.
bool Tracker::State::hidden(TargetId target) const {
  if (unseen.empty()) return false;
  if (unseen.contains(target)) return true;
  const SharedObject* object = objects.find(target);
  return object != nullptr && object->mapped_by_any(unseen);
}

std::vector<TargetId> Tracker::drop_unmapped_objects() {
  state_->settle_objects();
  auto dropped = state_->objects.drop_unmapped();
  for (const TargetId id : dropped) state_->erase_target(id);
  return dropped;
}

std::vector<TargetId> Tracker::objects_of(TargetId process) const {
  return state_->objects.mapped_by(process);
}

std::vector<TargetId> Tracker::mappers_of(TargetId object) const {
  const SharedObject* found = state_->objects.find(object);
  return found == nullptr ? std::vector<TargetId>{} : found->mappers();
}

const Mapping* Tracker::first_mapping(TargetId target) const {
  state_->settle_objects();
  const auto it = state_->targets.find(target);
  if (it == state_->targets.end() || it->second.mappings().empty()) return nullptr;
  return &it->second.mappings().front();
}

std::optional<LocateRequest> Tracker::reach(const RegionKey& key) const {
  state_->settle_objects();
  const auto it = state_->targets.find(key.target);
  return it == state_->targets.end() ? std::nullopt : state_->reach(it->second, key.start);
}

std::optional<AddressRange> Tracker::range_in(TargetId process, const RegionKey& key) const {
  const AddressRange region = state_->region_at(key.start);
  if (process == key.target) return region;
  const SharedObject* object = state_->objects.find(key.target);
  return object == nullptr ? std::nullopt : object->range_in(process, region);
}

}  // namespace tier
