// The tracker's insides, shared by its source files: snapshots (tracker.cpp), places (tracker_places.cpp) and
// shared memory (tracker_objects.cpp).
#pragma once

#include <unordered_set>

#include "tierd/tracker/shared_objects.h"
#include "tierd/tracker/target_regions.h"
#include "tierd/tracker/tracker.h"

namespace tier {

// Samples by what their weight means, discounted per tick.
struct SampleKinds {
  static constexpr double kKept = 0.8;
  double stalls = 0, counts = 0;
};

// Counters of the running tick, for regions sampled lately only.
struct Active {
  double stall = 0;     // seconds, this tick
  double accesses = 0;  // of samples that count accesses, this tick
  std::uint32_t samples = 0, writes = 0;
};

struct Tracker::State {
  explicit State(TrackerSettings s) : settings(s) {}

  TrackerSettings settings;
  std::map<TargetId, TargetRegions> targets;  // processes and objects
  SharedObjects objects;
  std::vector<NodeId> upper_nodes;  // of all tiers but the slowest
  std::vector<NodeId> nodes;        // of all tiers, fastest first
  std::set<TargetId> unseen;        // whose regions are pinned
  SampleKinds kinds;
  std::vector<Active> active;
  std::vector<std::uint32_t> free_slots;
  std::uint32_t now = 1;  // the running tick
  std::uint64_t sequence = 0;
  std::size_t last_size = 0;  // regions of the last snapshot: the next has about as many

  std::array<std::uint64_t, kFreshTicks + 1> filled_kib{};  // by tick, modulo its size

  std::deque<RegionKey> reported;       // whose place a migration report tells of
  std::unordered_set<RegionKey> asked;  // in the running tick, of those without a record
  RegionKey next_uncertain, next_old;   // of those in the snapshot: where the next tick goes on
  TargetId walk_target;
  Address walk_address = 0;
  bool walking = true;
  std::uint32_t walk_started = 1;
  std::uint32_t walks = 0;

  Address region_start(Address a) const { return a & ~(settings.region_size.value - 1); }
  Active& active_of(RegionRecord& record);
  void release(std::uint32_t slot);
  void settle_objects();
  Target describe_object(const SharedObject& object) const;
  AddressRange region_at(Address start) const { return {start, start + settings.region_size.value}; }
  TargetRegions& put_target(const Target& target, std::span<const Mapping> mappings);
  void erase_target(TargetId target);
  std::optional<LocateRequest> reach(const TargetRegions& regions, Address start) const;
  bool hidden(TargetId target) const;
  bool add_sample(TargetRegions& regions, const AccessSample& sample);
  void add_look(TargetRegions& regions, const BitsLook& look) const;
  void count(TargetRegions& regions, Address address, TargetId sampler, const AccessSample& sample);
  bool due(const RegionRecord& record) const;
  std::uint16_t next_ask(const RegionRecord& record, NodeId node, std::uint32_t resident_kib,
                         std::uint32_t mapped_kib) const;
  void note_filled(const TargetRegions& regions, RegionRecord& record, std::uint32_t resident_kib);
  bool fresh(const RegionRecord& record) const {
    return record.filled > 0 && record.filled < now && now - record.filled <= kFreshTicks;
  }
  void put_place(TargetRegions& regions, RegionRecord& record, NodeId node, std::uint32_t resident_kib) const;
  bool ask(TargetRegions& regions, Address start, RegionRecord* record, std::vector<LocateRequest>& out);
  void ask_reported(std::size_t max, std::vector<LocateRequest>& out);
  void ask_round(const std::vector<RegionKey>& keys, RegionKey& next, std::size_t max,
                 std::vector<LocateRequest>& out);
  void ask_sampled(std::size_t max, std::vector<LocateRequest>& out);
  void ask_in_turn(std::size_t max, std::vector<LocateRequest>& out);
  void restart_walk();
  void describe(Region& region, const RegionShape& shape, const RegionRecord& record) const;
  static void remember_stores(Region& region, RegionRecord& record);
  void measure(Region& region, Active& counters, const SystemState& system, Nanoseconds slowest) const;
  bool upper(const RegionRecord& record) const;
  std::vector<NodeVisibility> visibility(const SystemState& system, Nanoseconds slowest);
  void close_target(TargetRegions& regions, const SystemState& system, Nanoseconds slowest,
                    RegionSnapshot& out);
};

}  // namespace tier
