#include "tierd/tracker/shared_objects.h"

#include <algorithm>

namespace tier {
namespace {

// Far beyond every file and every address, and far from overflow.
constexpr std::uint64_t kLargestOffset = 1ULL << 62;

bool by_offset(const ObjectPiece& a, const ObjectPiece& b) {
  return std::pair(a.offsets, a.start) < std::pair(b.offsets, b.start);
}

// Neighbours on both sides become one: programs map a file's text and its constants apart, and a change of
// protection splits a mapping.
bool continues(const ObjectPiece& before, const ObjectPiece& next) {
  return before.offsets.end == next.offsets.start &&
         before.start + before.offsets.size().value == next.start && before.backing == next.backing &&
         before.mlocked == next.mlocked && before.own_policy == next.own_policy;
}

std::vector<ObjectPiece> merged(std::vector<ObjectPiece> pieces) {
  std::sort(pieces.begin(), pieces.end(), by_offset);
  std::vector<ObjectPiece> out;
  for (const ObjectPiece& piece : pieces) {
    if (!out.empty() && continues(out.back(), piece)) {
      out.back().offsets.end = piece.offsets.end;
    } else {
      out.push_back(piece);
    }
  }
  return out;
}

struct Edge {
  std::uint64_t at = 0;
  int change = 0;  // +1: the piece begins here, -1: it ends
  const ObjectPiece* piece = nullptr;
};

// What covers the present position of the sweep.
struct Cover {
  int pieces = 0, locked = 0, bound = 0;
  Backing backing = Backing::kShared;

  void pass(const Edge& edge) {
    pieces += edge.change;
    locked += edge.piece->mlocked ? edge.change : 0;
    bound += edge.piece->own_policy ? edge.change : 0;
    if (edge.change > 0) backing = edge.piece->backing;
  }
};

void add_part(std::vector<Mapping>& parts, AddressRange offsets, const Cover& cover) {
  Mapping part;
  part.range = offsets;
  part.readable = true;
  part.shared = true;
  part.backing = cover.backing;
  part.mlocked = cover.locked > 0;
  part.own_policy = cover.bound > 0;
  if (!parts.empty()) {
    Mapping& last = parts.back();
    if (last.range.end == offsets.start && last.mlocked == part.mlocked &&
        last.own_policy == part.own_policy && last.backing == part.backing) {
      last.range.end = offsets.end;
      return;
    }
  }
  parts.push_back(std::move(part));
}

}  // namespace

bool shows_object(const Mapping& mapping) {
  return mapping.object.has_value() && (mapping.readable || mapping.writable) && !mapping.range.empty() &&
         mapping.offset < kLargestOffset && mapping.range.size().value < kLargestOffset;
}

std::vector<TargetId> SharedObject::mappers() const {
  std::vector<const Mapper*> order;
  order.reserve(mappers_.size());
  for (const auto& [process, mapper] : mappers_) order.push_back(&mapper);
  std::sort(order.begin(), order.end(), [](const Mapper* a, const Mapper* b) {
    return std::pair(a->since, a->process) < std::pair(b->since, b->process);
  });
  std::vector<TargetId> processes;
  processes.reserve(order.size());
  for (const Mapper* mapper : order) processes.push_back(mapper->process);
  return processes;
}

bool SharedObject::mapped_by_any(const std::set<TargetId>& processes) const {
  return std::any_of(processes.begin(), processes.end(), [&](TargetId id) { return mappers_.contains(id); });
}

bool SharedObject::set(TargetId process, std::vector<ObjectPiece> pieces, std::uint64_t sequence) {
  if (pieces.empty()) {
    order_.clear();
    return mappers_.erase(process) > 0;
  }
  const auto [it, added] = mappers_.try_emplace(process);
  Mapper& mapper = it->second;
  if (mapper.pieces == pieces) return false;
  order_.clear();
  if (added) mapper.process = process, mapper.since = sequence;
  mapper.pieces = std::move(pieces);
  mapper.reaches.clear();
  std::uint64_t furthest = 0;
  for (const ObjectPiece& piece : mapper.pieces)
    mapper.reaches.push_back(furthest = std::max(furthest, piece.offsets.end));
  return true;
}

void SharedObject::note_sample(TargetId process, std::uint32_t tick) {
  const auto it = mappers_.find(process);
  if (it == mappers_.end() || it->second.sampled == tick) return;
  it->second.sampled = tick;
  order_.clear();
}

std::vector<Mapping> SharedObject::parts() const {
  std::vector<Edge> edges;
  for (const auto& [process, mapper] : mappers_) {
    for (const ObjectPiece& piece : mapper.pieces) {
      edges.push_back({piece.offsets.start, 1, &piece});
      edges.push_back({piece.offsets.end, -1, &piece});
    }
  }
  std::sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) { return a.at < b.at; });
  std::vector<Mapping> parts;
  Cover cover;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    cover.pass(edges[i]);
    const bool more = i + 1 < edges.size() && edges[i + 1].at > edges[i].at;
    if (cover.pieces > 0 && more) add_part(parts, {edges[i].at, edges[i + 1].at}, cover);
  }
  for (Mapping& part : parts) part.name = name_;
  return parts;
}

// Pieces of one process may overlap: some programs map the same memory twice.
template <typename Visit>
void SharedObject::visit_overlapping(const Mapper& mapper, AddressRange region, Visit visit) {
  const auto& pieces = mapper.pieces;
  auto i = static_cast<std::size_t>(
      std::partition_point(pieces.begin(), pieces.end(),
                           [&](const ObjectPiece& piece) { return piece.offsets.start < region.end; }) -
      pieces.begin());
  while (i > 0 && mapper.reaches[i - 1] > region.start) {
    --i;
    if (pieces[i].offsets.overlaps(region) && !visit(pieces[i])) return;
  }
}

// Kept from call to call: it changes once a tick, and is asked for every region.
const std::vector<const SharedObject::Mapper*>& SharedObject::by_sampling() const {
  if (!order_.empty()) return order_;
  for (const auto& [process, mapper] : mappers_) order_.push_back(&mapper);
  std::stable_sort(order_.begin(), order_.end(),
                   [](const Mapper* a, const Mapper* b) { return a->sampled > b->sampled; });
  return order_;
}

std::optional<ObjectReach> SharedObject::reach(AddressRange region, TargetId first,
                                               std::size_t most_views) const {
  ObjectReach reach;
  std::vector<std::pair<TargetId, const ObjectPiece*>> found;
  std::size_t whole = 0;  // pieces that show the whole region: with enough of them no other is looked for
  const auto look = [&](const Mapper& mapper) {
    visit_overlapping(mapper, region, [&](const ObjectPiece& piece) {
      const AddressRange shown = piece.offsets.intersect(region);
      if (shown.size() > reach.offsets.size()) reach.offsets = shown;
      found.emplace_back(mapper.process, &piece);
      whole += shown == region;
      return whole < most_views;
    });
  };
  if (const auto it = mappers_.find(first); it != mappers_.end()) look(it->second);
  for (const Mapper* mapper : by_sampling()) {
    if (whole >= most_views) break;
    if (mapper->process != first) look(*mapper);
  }
  for (const auto& [process, piece] : found) {
    if (reach.views.size() >= most_views) break;
    const AddressRange shown = piece->offsets.intersect(reach.offsets);
    if (shown == reach.offsets)
      reach.views.push_back({process, piece->start + (shown.start - piece->offsets.start)});
  }
  if (reach.views.empty()) return std::nullopt;
  return reach;
}

std::optional<AddressRange> SharedObject::range_in(TargetId process, AddressRange region) const {
  const auto it = mappers_.find(process);
  if (it == mappers_.end()) return std::nullopt;
  AddressRange largest;
  visit_overlapping(it->second, region, [&](const ObjectPiece& piece) {
    const AddressRange shown = piece.offsets.intersect(region);
    const Address start = piece.start + (shown.start - piece.offsets.start);
    if (shown.size() > largest.size()) largest = {start, start + shown.size().value};
    return shown != region;
  });
  return largest.empty() ? std::nullopt : std::optional(largest);
}

std::size_t SharedObject::bytes_used() const {
  // A node of libstdc++'s map: colour, three pointers, key and value.
  constexpr std::size_t kNode = 48 + sizeof(Mapper);
  std::size_t bytes = sizeof(*this) + 48 + name_.capacity() + mappers_.size() * kNode;
  for (const auto& [process, mapper] : mappers_)
    bytes += mapper.pieces.capacity() * sizeof(ObjectPiece) + mapper.reaches.capacity() * 8;
  return bytes;
}

SharedObject& SharedObjects::at_or_new(const MemoryObject& object) {
  const auto [it, added] = ids_.try_emplace(object, TargetId{next_id_});
  if (added) ++next_id_;
  return objects_.try_emplace(it->second, it->second, object).first->second;
}

void SharedObjects::set_mappings(TargetId process, std::span<const Mapping> mappings) {
  ++sequence_;
  std::map<TargetId, std::vector<ObjectPiece>> pieces;
  for (const Mapping& mapping : mappings) {
    if (!shows_object(mapping)) continue;
    SharedObject& object = at_or_new(*mapping.object);
    if (object.name().empty()) object.set_name(mapping.name);
    pieces[object.id()].push_back({{mapping.offset, mapping.offset + mapping.range.size().value},
                                   mapping.range.start,
                                   mapping.backing,
                                   mapping.mlocked,
                                   mapping.own_policy});
  }
  std::set<TargetId>& known = of_process_[process];
  for (const TargetId id : known) {
    if (pieces.contains(id)) continue;
    objects_.at(id).set(process, {}, sequence_);
    (objects_.at(id).mapped() ? changed_ : unmapped_).insert(id);
  }
  known.clear();
  for (auto& [id, list] : pieces) {
    if (objects_.at(id).set(process, merged(std::move(list)), sequence_)) changed_.insert(id);
    known.insert(id);
    unmapped_.erase(id);
  }
}

void SharedObjects::remove_process(TargetId process) {
  set_mappings(process, {});
  of_process_.erase(process);
}

void SharedObjects::touch(TargetId process) {
  for (const TargetId id : mapped_by(process)) changed_.insert(id);
}

std::optional<TargetId> SharedObjects::find(const MemoryObject& object) const {
  const auto it = ids_.find(object);
  return it == ids_.end() ? std::nullopt : std::optional(it->second);
}

SharedObject* SharedObjects::find(TargetId id) {
  const auto it = objects_.find(id);
  return it == objects_.end() ? nullptr : &it->second;
}

const SharedObject* SharedObjects::find(TargetId id) const {
  const auto it = objects_.find(id);
  return it == objects_.end() ? nullptr : &it->second;
}

std::vector<TargetId> SharedObjects::mapped_by(TargetId process) const {
  const auto it = of_process_.find(process);
  if (it == of_process_.end()) return {};
  return {it->second.begin(), it->second.end()};
}

std::vector<TargetId> SharedObjects::take_changed() {
  std::vector<TargetId> changed;
  for (const TargetId id : changed_)
    if (objects_.at(id).mapped()) changed.push_back(id);
  changed_.clear();
  return changed;
}

std::vector<TargetId> SharedObjects::drop_unmapped() {
  std::vector<TargetId> dropped(unmapped_.begin(), unmapped_.end());
  for (const TargetId id : dropped) {
    ids_.erase(objects_.at(id).object());
    objects_.erase(id);
    changed_.erase(id);
  }
  unmapped_.clear();
  return dropped;
}

std::size_t SharedObjects::bytes_used() const {
  std::size_t bytes = 0;
  for (const auto& [id, object] : objects_) bytes += object.bytes_used() + 64;
  for (const auto& [process, ids] : of_process_) bytes += 64 + ids.size() * 40;
  return bytes;
}

}  // namespace tier
