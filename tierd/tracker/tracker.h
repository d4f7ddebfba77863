// Folds access samples into one immutable snapshot per tick, keyed by target and region.
//
// Memory that processes share is one thing, however many targets map it: each object (Mapping::object) is a
// target of its own (Target::object), with regions keyed by offset in the object. Samples of all who map it
// are folded into these, and their own regions leave it out.
//
// The order of one tick: fold() the batches, answer regions_to_locate() with set_residency(), close_tick().
// Pure: the caller brings samples, mappings, residency, latencies and time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "core/access_sample.h"
#include "core/plan.h"
#include "core/region.h"
#include "core/target.h"
#include "core/topology.h"

namespace tier {

inline constexpr std::size_t kHistoryTicks = 32;  // as many as the learned forecaster looks back

struct TrackerSettings {
  Bytes region_size = kDefaultRegionSize;  // power of two, at least 64 KiB
  // Most ticks until a region's place is asked again. The kernel rarely moves pages by itself. A place that
  // is incomplete or changed since the last answer is asked in the next tick, and every answer that tells
  // nothing new doubles that time.
  std::uint16_t locate_again = 16;
  // A process of which no thread runs is passed over so many times before its place is asked for in turn:
  // what it has mapped is where it was, unless the kernel moved it.
  std::uint32_t idle_turns = 8;
  // Ticks until a region that could not be moved is tried again: long-term pins last minutes.
  std::uint32_t unmovable_for = 300;
};

// Where a region's pages are, as the page locator says.
struct Residency {
  // Holds most of it; -1 when nothing is resident, or when something is and its node cannot be told (pages
  // that NUMA balancing has marked): what was known of the node before is then kept.
  NodeId node{-1};
  Bytes resident;  // on any node
  PageKind pages = PageKind::kUnknown;
  // False: the query failed, which says nothing of the pages. What was known of the place is kept.
  bool answered = true;
};

// Where the pages of a region are reached: in a process's address space, in several of them for memory that
// they share.
struct LocateRequest {
  RegionKey key;
  Pid pid;
  AddressRange range;               // clipped to the mappings
  std::vector<ProcessView> also{};  // other processes that map the same pages, see MigrationRequest
  std::uint64_t start_time = 0;     // of the process
};

// What became of one batch. delivered samples = folded + outside + foreign.
struct FoldResult {
  std::uint64_t folded = 0;
  std::uint64_t foreign = 0;             // of no known target
  std::uint64_t outside = 0;             // in no known mapping
  std::vector<TargetId> stale_mappings;  // targets with samples outside: read their mappings again
};

// Regions one behind the other, with pages of one kind.
struct RegionRun {
  Address start = 0;
  std::uint64_t count = 0;
  PageKind pages = PageKind::kUnknown;

  bool operator==(const RegionRun&) const = default;
};

// Not thread-safe.
class Tracker {
 public:
  explicit Tracker(TrackerSettings settings = {});
  ~Tracker();
  Tracker(Tracker&&) noexcept;
  Tracker& operator=(Tracker&&) noexcept;

  // Adds a target or replaces its properties and mappings (sorted by address). Regions no longer mapped are
  // forgotten; the others keep what is known of them.
  void set_target(const Target& target, std::span<const Mapping> mappings);
  void remove_target(TargetId target);
  const Target* target(TargetId) const;  // null when unknown
  // By id: processes, then objects. Valid until a target is set, removed or dropped.
  std::vector<const Target*> targets() const;
  // Forgets the objects that no target maps any more, and names them. To be called once the targets of a tick
  // are set: what one process gave up another may have mapped in the meantime.
  std::vector<TargetId> drop_unmapped_objects();
  std::vector<TargetId> objects_of(TargetId process) const;
  std::vector<TargetId> mappers_of(TargetId object) const;  // the one that has had it for longest first

  // Nodes of all tiers but the slowest: what lies there is always in the snapshot, sampled or not.
  void set_topology(const TierTopology& topology);

  FoldResult fold(const SampleBatch& batch);
  // Drops what the running tick's samples have told so far: they turned out to mean something else.
  void forget_samples();

  // Regions whose place should be asked now, at most `max`, each at most once per tick: those of migration
  // reports first, then those of the snapshot whose place is unknown, in motion or old (a quarter is left for
  // the rest), then all mapped regions in turn. Inaccessible mappings (neither readable nor writable) are
  // left out.
  std::vector<LocateRequest> regions_to_locate(std::size_t max);
  // In the running tick threads of this target ran, and so much of its memory is resident by now. Without a
  // word it is taken to rest, and its regions are asked for in few turns only (TrackerSettings::idle_turns).
  // Where it has grown by a quarter since its last turn the next one begins at once: nobody knows yet where
  // the new memory lies.
  void note_ran(TargetId target, Bytes resident);
  void set_residency(const RegionKey& key, const Residency& residency);  // unmapped keys are ignored

  // Takes over what a move found out about the place of its region: pages that moved, that were at the
  // destination already, and that are not resident. Reports of moves that looked at no page say nothing.
  // Otherwise the place is asked again as soon as possible.
  void note_report(const MigrationReport& report, Bytes page_size);
  void mark_unmovable(const RegionKey& key);  // expires, see settings
  // Regions of these targets are pinned (Pinned::kUnseen) from now on, those of all others no longer.
  void set_unseen(std::set<TargetId> targets);

  // Ends the tick. Demand is stall / loaded latency of the node that held the region (not known: the slowest
  // node, so that demand is never overstated); samples that count accesses are demand as they are. Nodes
  // with unknown latency (0) yield no demand from stalls. `room`: memory to put the regions into, such as a
  // snapshot's that is not needed any more; what it holds is lost.
  RegionSnapshot close_tick(Tick tick, Nanoseconds now, Nanoseconds interval, const SystemState& system,
                            std::vector<Region> room = {});

  // Where a region is and what it is now, without counters; none when nothing was ever known of it.
  std::optional<Region> region(const RegionKey& key) const;
  // How the pages of a region are reached now; none when it is not mapped. A region of an object that no
  // process maps as a whole is reached in its largest mapped part.
  std::optional<LocateRequest> reach(const RegionKey& key) const;
  // Where a region lies in the address space of a process: for an object's region the part of it that the
  // process maps, for the process's own the whole region. None when it maps nothing of it.
  std::optional<AddressRange> range_in(TargetId process, const RegionKey& key) const;
  // The region around an address of a process; none when nothing of it is mapped. It is an object's region
  // where the address shows an object.
  std::optional<RegionKey> key_of(TargetId target, Address address) const;
  // The mapping at an address, or where there is none the first one in its region: a region's start, as the
  // heat map prints it, may lie before its first mapping. Null when nothing of the region is mapped.
  const Mapping* mapping_of(TargetId target, Address address) const;
  const Mapping* first_mapping(TargetId target) const;  // by address; of an object, with its name in maps

  // What a target is known to hold, by address: regions with something resident, and those sampled lately.
  // Each look walks and sorts all of them.
  std::vector<RegionRun> held(TargetId target) const;

  std::size_t bytes_used() const;         // heap memory of the tracker's tables
  Bytes mapped() const;                   // of all targets, shared memory once
  Bytes mapped(TargetId target) const;    // of one; a process's own memory alone
  Bytes resident(TargetId target) const;  // as far as its regions were located
  std::uint64_t regions_known() const;    // located or sampled

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace tier
