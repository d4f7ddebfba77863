// What the tracker knows of one target: its mappings and a compact record per region that was located or
// sampled. Private to the tracker.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/region.h"
#include "core/target.h"
#include "tierd/tracker/shared_objects.h"

namespace tier {

inline constexpr std::uint32_t kNoSlot = std::numeric_limits<std::uint32_t>::max();

// Ticks here are the tracker's own count from 1; 0 means never. One cache line: each tick visits the records
// of all regions in the snapshot, which lie in no order.
struct alignas(64) RegionRecord {
  Address start = 0;
  std::uint32_t slot = kNoSlot;  // of its counters and history; only regions sampled lately have one
  std::uint32_t first_seen = 0;
  std::uint32_t asked = 0;    // when its place was last asked for
  std::uint32_t located = 0;  // when that was last answered
  std::uint32_t sampled = 0;
  std::uint32_t moved = 0;
  std::uint32_t filled = 0;     // when its program last put pages there
  std::uint32_t untouched = 0;  // when its accessed bits last showed no access; 0 when one since
  std::uint32_t unmovable_until = 0;
  std::uint32_t resident_kib = 0;
  std::uint32_t mapped_kib = 0;  // of the range whose place was asked
  TargetId sampler;              // of an object's region: the process that sampled it last
  std::int16_t node = -1;
  std::uint16_t ask_after = 1;  // ticks from `located` until its place is asked again
  PageKind pages = PageKind::kUnknown;
  bool listed = false;
  std::uint8_t stores = 0;  // share of its samples of late that were stores, in 255ths
};

// A region as its mappings make it. Mappings that show an object are not part of it: what they show has
// regions of its own, and would be counted and moved twice.
struct RegionShape {
  // Hull of the accessible mappings inside, the largest one where objects lie between them; empty when there
  // are none.
  AddressRange range;
  Backing backing = Backing::kAnonymous;
  Pinned pinned = Pinned::kNo;
};

class TargetRegions {
 public:
  TargetRegions(Target target, Bytes region_size)
      : target_(std::move(target)),
        region_size_(region_size),
        index_(0, HashOfStart{std::countr_zero(region_size.value)}) {}

  const Target& target() const { return target_; }
  void set_target(const Target& target) { target_ = target; }

  // Replaces the mappings, those of objects included. Returns the history slots of the regions that went
  // away.
  std::vector<std::uint32_t> set_mappings(std::span<const Mapping> mappings, std::uint32_t now);
  const std::vector<Mapping>& mappings() const { return mappings_; }
  const Mapping* find_mapping(Address address) const;
  RegionShape shape(Address start) const;
  // The same for starts that rise from call to call; `from` begins at 0.
  RegionShape shape(Address start, std::size_t& from) const;
  Bytes mapped() const;

  // The first region at or after `from` that lies in an accessible mapping not held to be a sparse
  // reservation; false when there is none.
  bool next_region(Address from, Address& start) const;

  // Whether any thread of it ran since its regions were last asked for in turn.
  void note_ran(std::uint32_t now, Bytes resident) { ran_ = now, target_.resident = resident; }
  void begin_turn(std::uint32_t now) { turn_ = now, ++turns_, at_turn_ = target_.resident; }
  // By a quarter since then.
  bool grown() const {
    return turn_ > 0 && 4 * target_.resident.value > 5 * at_turn_.value + kDefaultRegionSize.value;
  }
  // All that was resident when its regions were first asked for in turn has a record by now.
  bool walked() const { return turns_ > 1; }
  bool idle_since_turn() const { return turn_ > 0 && ran_ <= turn_; }

  RegionRecord* find(Address start);
  const RegionRecord* find(Address start) const;
  RegionRecord& at_or_new(Address start, std::uint32_t now);  // must be mapped
  void erase(Address start);
  void set_resident(RegionRecord& record, std::uint32_t kib);
  std::uint64_t resident() const { return resident_; }  // records with something resident
  std::vector<RegionRecord>& records() { return records_; }
  const std::vector<RegionRecord>& records() const { return records_; }

  // The records in the snapshot, a few among many: they are visited by address, and leave the list when
  // `stays` says no.
  void list(RegionRecord& record);
  template <typename Stays>
  void visit_listed(Stays stays);
  std::size_t bytes_used() const;

 private:
  struct Listed {
    Address start = 0;
    std::uint32_t position = 0;  // in records_
  };
  void order_listed();
  RegionShape shape_from(Address start, std::size_t first) const;
  std::size_t first_mapping_ending_after(Address address) const;
  bool sparse(const Mapping& mapping) const;

  Target target_;
  Bytes region_size_;
  std::uint32_t turn_ = 0, ran_ = 0;  // ticks, see begin_turn()
  std::uint32_t turns_ = 0;
  Bytes at_turn_;                      // resident when the last one began
  std::vector<Mapping> mappings_;      // sorted by address
  std::vector<std::uint32_t> since_;   // per mapping: tick in which it was first seen
  std::vector<RegionRecord> records_;  // in no order
  // Of regions side by side: they are asked for one after the other, and lie so in the index then.
  struct HashOfStart {
    int shift = 0;
    std::size_t operator()(Address start) const noexcept { return start >> shift; }
  };
  std::unordered_map<Address, std::uint32_t, HashOfStart> index_;  // start -> position in records_
  std::vector<Listed> listed_;  // the first ordered_ by address, then the new ones
  std::size_t ordered_ = 0;
  bool moved_ = false;  // positions changed since
  std::uint64_t resident_ = 0;
};

// Not of an object, and accessible.
inline bool own(const Mapping& mapping) {
  return (mapping.readable || mapping.writable) && !shows_object(mapping);
}

inline RegionShape TargetRegions::shape(Address start, std::size_t& from) const {
  while (from < mappings_.size() && mappings_[from].range.end <= start) ++from;
  const Address end = start + region_size_.value;
  if (from == mappings_.size()) return {};
  const Mapping& mapping = mappings_[from];
  if (!own(mapping) || mapping.range.start > start || mapping.range.end < end) return shape_from(start, from);
  const Pinned pinned = mapping.own_policy ? Pinned::kOwnPolicy
                        : mapping.mlocked  ? Pinned::kMlocked
                                           : Pinned::kNo;
  return {{start, end}, mapping.backing, pinned};  // in the midst of one mapping, as nearly all are
}

template <typename Stays>
void TargetRegions::visit_listed(Stays stays) {
  order_listed();
  // Records lie in no order, and each visit is short: without this, nearly all of it is waiting for the next.
  constexpr std::size_t kAhead = 16;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < listed_.size(); ++i) {
    if (i + kAhead < listed_.size()) __builtin_prefetch(&records_[listed_[i + kAhead].position]);
    const Listed entry = listed_[i];
    RegionRecord& record = records_[entry.position];
    // What stays as it is is not written: nearly all of it would be written back to memory for nothing.
    if (!stays(record)) {
      record.listed = false;
    } else if (kept++ != i) {
      listed_[kept - 1] = entry;
    }
  }
  listed_.resize(kept);
  ordered_ = kept;
}

}  // namespace tier
