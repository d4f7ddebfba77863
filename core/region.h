// A region: an aligned span of one target's address space, the unit of history, forecast and migration.
#pragma once

#include <cstdint>
#include <vector>

#include "core/address_range.h"
#include "core/units.h"

namespace tier {

inline constexpr Bytes kDefaultRegionSize = 2_MiB;  // one PMD huge page on x86-64

struct RegionKey {
  TargetId target;
  Address start = 0;  // aligned to the region size
  constexpr auto operator<=>(const RegionKey&) const = default;
};

// Every bit of the key reaches every bit of the result (the finaliser of MurmurHash3): for choosing regions
// by their keys, which std::hash does not mix well enough for.
constexpr std::uint64_t mixed(const RegionKey& key) {
  std::uint64_t h = key.start ^ (static_cast<std::uint64_t>(key.target.value) << 48);
  h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCDULL;
  h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53ULL;
  return h ^ (h >> 33);
}

enum class PageKind : std::uint8_t { kUnknown, kSmall, kHuge };
const char* to_string(PageKind);
enum class Backing : std::uint8_t { kAnonymous, kFile, kShared };

// Why a region must stay where it is.
enum class Pinned : std::uint8_t {
  kNo,
  kMlocked,    // locked by the program
  kUnmovable,  // the kernel refused repeatedly (EBUSY, DMA, long-term pin)
  kOwnPolicy,  // the program bound it itself (mbind): its word wins
  kUnseen,     // no access source shows what the program uses, so its idleness means nothing
};

inline constexpr std::uint32_t kNever = 0xFFFFFFFF;

// What one region did in one aggregation interval, and where it lives. Produced by the tracker, immutable
// after.
struct Region {
  RegionKey key;
  AddressRange range;   // clipped to what is mapped
  Accesses demand;      // tier-neutral demand in this interval
  StallSeconds waited;  // stall as sampled, on the tier that served it
  std::uint32_t samples = 0;
  double write_share = 0;  // of the samples, 0..1
  double stores = 0;       // the same, of its last few samples
  NodeId node{-1};         // holds most of it; -1 when nothing is resident or not known
  Bytes resident;          // bytes resident on any node
  PageKind pages = PageKind::kUnknown;
  Backing backing = Backing::kAnonymous;
  Pinned pinned = Pinned::kNo;
  std::uint32_t age = 0;  // ticks since first seen: so long have its samples, or their absence, been evidence
  std::uint32_t idle = 0;             // ticks since the last sample; kNever when there was none
  std::uint32_t since_move = kNever;  // ticks since we last moved it
  // Its accessed bits showed no access when they were looked at last, and no sample has since.
  bool untouched = false;
};

// How well samples show what is accessed on a node, against other nodes and other ticks; 0 while not known.
// Stall samples show a node in proportion to its loaded latency; counted accesses all nodes alike.
struct NodeVisibility {
  NodeId node;
  double visible = 0;
};

// Memory that watched programs have filled lately, 1 to kFreshTicks ticks ago: what new pages are worth.
inline constexpr std::uint32_t kFreshTicks = 16;
struct FreshMemory {
  Bytes bytes;
  Accesses demand;  // of its regions, in this interval
};

struct RegionSnapshot {
  std::uint64_t sequence = 0;  // plans made from it carry this number and are dropped when stale
  Tick tick;
  Nanoseconds time{};           // monotonic, end of the interval
  Nanoseconds interval{};       // length of the interval really elapsed; 0, as in tests: a second
  std::vector<Region> regions;  // sorted by key: sampled lately, or resident on a tier worth vacating
  std::uint64_t quiet = 0;      // resident regions left out: no samples lately, already on the slowest tier
  std::vector<NodeVisibility> visibility;  // of every node of a tier, fastest tier first
  FreshMemory fresh{};

  double seconds() const { return interval.count() > 0 ? tier::seconds(interval) : 1; }  // of the interval
};

}  // namespace tier

template <>
struct std::hash<tier::RegionKey> {
  std::size_t operator()(const tier::RegionKey& k) const noexcept {
    // Fibonacci hashing of the page-aligned start; the target spreads over the high bits.
    return (k.start >> 12) * 0x9E3779B97F4A7C15ULL ^ (static_cast<std::size_t>(k.target.value) << 40);
  }
};
