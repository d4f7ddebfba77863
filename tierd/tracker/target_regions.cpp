#include "tierd/tracker/target_regions.h"

#include <algorithm>

#include "tierd/tracker/shared_objects.h"

namespace tier {
namespace {

bool same_to_regions(const Mapping& a, const Mapping& b) {
  return a.range == b.range && a.readable == b.readable && a.writable == b.writable &&
         a.backing == b.backing && a.mlocked == b.mlocked && a.own_policy == b.own_policy &&
         a.object == b.object && a.offset == b.offset && a.name == b.name;
}

}  // namespace

std::size_t TargetRegions::first_mapping_ending_after(Address address) const {
  const auto it = std::partition_point(mappings_.begin(), mappings_.end(),
                                       [&](const Mapping& m) { return m.range.end <= address; });
  return static_cast<std::size_t>(it - mappings_.begin());
}

const Mapping* TargetRegions::find_mapping(Address address) const {
  const std::size_t i = first_mapping_ending_after(address);
  return i < mappings_.size() && mappings_[i].range.contains(address) ? &mappings_[i] : nullptr;
}

std::vector<std::uint32_t> TargetRegions::set_mappings(std::span<const Mapping> mappings, std::uint32_t now) {
  if (std::equal(mappings.begin(), mappings.end(), mappings_.begin(), mappings_.end(), same_to_regions))
    return {};
  std::vector<std::uint32_t> since(mappings.size(), now);
  std::size_t old = 0;  // both are sorted
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    while (old < mappings_.size() && mappings_[old].range.end <= mappings[i].range.start) ++old;
    if (old < mappings_.size() && mappings_[old].range.overlaps(mappings[i].range)) since[i] = since_[old];
  }
  mappings_.assign(mappings.begin(), mappings.end());
  since_ = std::move(since);

  std::vector<std::uint32_t> freed;
  std::vector<Address> gone;
  for (RegionRecord& record : records_) {
    if (const AddressRange range = shape(record.start).range; !range.empty()) {
      // What was added or taken away lies somewhere else than the rest, perhaps.
      if (range.size().value >> 10 != record.mapped_kib) record.ask_after = 1;
      continue;
    }
    gone.push_back(record.start);
    if (record.slot != kNoSlot) freed.push_back(record.slot);
  }
  for (const Address start : gone) erase(start);
  return freed;
}

RegionShape TargetRegions::shape(Address start) const {
  return shape_from(start, first_mapping_ending_after(start));
}

RegionShape TargetRegions::shape_from(Address start, std::size_t first) const {
  const AddressRange whole{start, start + region_size_.value};
  RegionShape shape;
  std::uint64_t largest = 0;
  AddressRange hull;  // of what was met since the last object
  for (std::size_t i = first; i < mappings_.size(); ++i) {
    const Mapping& mapping = mappings_[i];
    if (mapping.range.start >= whole.end) break;
    if (shows_object(mapping)) hull = {};
    if (!own(mapping)) continue;
    const AddressRange part = mapping.range.intersect(whole);
    if (hull.empty()) hull = part;
    hull.end = part.end;
    if (hull.size() > shape.range.size()) shape.range = hull;
    if (part.size().value > largest) largest = part.size().value, shape.backing = mapping.backing;
    // One mapping with a will of its own decides for the whole region: a region moves as one.
    if (mapping.own_policy) {
      shape.pinned = Pinned::kOwnPolicy;
    } else if (mapping.mlocked && shape.pinned == Pinned::kNo) {
      shape.pinned = Pinned::kMlocked;
    }
  }
  return shape;
}

Bytes TargetRegions::mapped() const {
  Bytes sum;
  for (const Mapping& mapping : mappings_) {
    if (own(mapping)) sum += mapping.range.size();
  }
  return sum;
}

// Some runtimes reserve terabytes that are never touched. Walking those would take hours; what is touched
// there is found by its samples.
bool TargetRegions::sparse(const Mapping& mapping) const {
  return mapping.range.size().value > 16 * target_.resident.value + (1_GiB).value;
}

bool TargetRegions::next_region(Address from, Address& start) const {
  const Address mask = ~(region_size_.value - 1);
  for (std::size_t i = first_mapping_ending_after(from); i < mappings_.size(); ++i) {
    const Mapping& mapping = mappings_[i];
    if (!own(mapping) || sparse(mapping)) continue;
    // A region that straddles two mappings belongs to the walk once: at its own start or later.
    const Address candidate = std::max(from, mapping.range.start & mask);
    if (candidate >= mapping.range.end) continue;
    start = candidate & mask;
    if (start < from) start += region_size_.value;
    if (start < mapping.range.end) return true;
  }
  return false;
}

RegionRecord* TargetRegions::find(Address start) {
  const auto it = index_.find(start);
  return it == index_.end() ? nullptr : &records_[it->second];
}

const RegionRecord* TargetRegions::find(Address start) const {
  const auto it = index_.find(start);
  return it == index_.end() ? nullptr : &records_[it->second];
}

RegionRecord& TargetRegions::at_or_new(Address start, std::uint32_t now) {
  const auto [it, added] = index_.try_emplace(start, static_cast<std::uint32_t>(records_.size()));
  if (added) {
    RegionRecord record;
    record.start = start;
    const std::size_t i = first_mapping_ending_after(start);
    record.first_seen = i < since_.size() ? since_[i] : now;
    records_.push_back(record);
  }
  return records_[it->second];
}

void TargetRegions::erase(Address start) {
  const auto it = index_.find(start);
  if (it == index_.end()) return;
  const std::uint32_t position = it->second;
  index_.erase(it);
  set_resident(records_[position], 0);
  moved_ = true;
  if (position + 1 != records_.size()) {
    records_[position] = records_.back();
    index_[records_[position].start] = position;
  }
  records_.pop_back();
}

void TargetRegions::set_resident(RegionRecord& record, std::uint32_t kib) {
  resident_ += kib > 0;
  resident_ -= record.resident_kib > 0;
  record.resident_kib = kib;
}

void TargetRegions::list(RegionRecord& record) {
  if (record.listed) return;
  record.listed = true;
  listed_.push_back({record.start, static_cast<std::uint32_t>(&record - records_.data())});
}

void TargetRegions::order_listed() {
  const auto by_address = [](const Listed& a, const Listed& b) { return a.start < b.start; };
  if (moved_) {
    moved_ = false;
    listed_.clear();
    ordered_ = 0;
    for (std::uint32_t i = 0; i < records_.size(); ++i) {
      if (records_[i].listed) listed_.push_back({records_[i].start, i});
    }
  }
  const auto fresh = listed_.begin() + static_cast<std::ptrdiff_t>(ordered_);
  std::sort(fresh, listed_.end(), by_address);
  std::inplace_merge(listed_.begin(), fresh, listed_.end(), by_address);
}

std::size_t TargetRegions::bytes_used() const {
  // A node of libstdc++'s unordered_map: next pointer, key, value, rounded up by malloc to 32 bytes.
  constexpr std::size_t kIndexNode = 32;
  std::size_t bytes = sizeof(*this) + records_.capacity() * sizeof(RegionRecord) +
                      index_.size() * kIndexNode + index_.bucket_count() * sizeof(void*) +
                      listed_.capacity() * sizeof(Listed) + since_.capacity() * sizeof(since_[0]) +
                      mappings_.capacity() * sizeof(Mapping);
  for (const Mapping& mapping : mappings_) {
    if (mapping.name.capacity() > 15) bytes += mapping.name.capacity() + 1;
  }
  return bytes;
}

}  // namespace tier
