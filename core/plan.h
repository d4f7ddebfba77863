// What policy decides, what the migrator reports, what the ledger keeps.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "core/forecast.h"
#include "core/region.h"
#include "core/target.h"

namespace tier {

enum class MoveReason : std::uint8_t {
  kDemandRising,  // forecast benefit exceeds both moves' cost: promoted
  kDisplaced,     // made room for a region worth more
  kHeadroom,      // demoted ahead of allocations that are worth more, or next to unused
  kNodeOffline,   // its node is going away
  kFastLimit,     // its cgroup holds more of a fast tier than it may
  kRelief,        // the tier below answers sooner now
  kUrgent,        // its demand jumped between ticks: promoted at once
  kNearer,        // to a node of the same tier that is nearer to the CPUs its program runs on
};
const char* to_string(MoveReason);

// Seconds over which a move may pay for itself, ascending. By time, not by ticks: how long a phase lasts has
// nothing to do with how often tierd looks.
inline constexpr std::array<double, kHorizons.size()> kSpans = {1, 4, 16};

// The numbers behind one decision, so that it can be explained and scored later.
struct MoveRationale {
  DemandQuantiles forecast;  // accesses per second over `horizon`
  Nanoseconds horizon{};     // over which the move is to pay
  Nanoseconds latency_from{}, latency_to{};
  double margin = 0;
  // Gain of the whole swap, less what its victims lose, over its cost; 0: not made for gain.
  double promise = 0;
  std::uint64_t partner = 0;  // request id of the other half of a swap; 0: none
  RegionKey beaten;           // a promotion's: region it displaces; a displaced region's: the winner
  // What the alternative was worth; of a demotion for headroom: the new memory expected in its place.
  StallSeconds beaten_value{0};
  Nanoseconds work{};  // expected duration of the move; request.cost is the price of so much work
  // Latency from the CPUs that the target runs on over latency from the nearest CPUs, of `from` and of `to`.
  double reach_from = 1, reach_to = 1;
  double lines = 1;  // that its accesses move, over those of its node's mean access: see core/queueing.h
  Nanoseconds relieved{};  // what others were to wait less for each of its accesses; below 0: more
};

struct MigrationRequest {
  std::uint64_t id = 0;  // unique; the ledger's key
  RegionKey key;
  AddressRange range;
  Pid pid;
  std::uint64_t start_time = 0;  // of the process, guards against pid reuse
  NodeId from, to;
  MoveReason reason{};
  bool promotion = false;
  Bytes bytes;           // expected to move
  StallSeconds benefit;  // expected over the horizon, before cost; negative for a demotion that loses demand
  StallSeconds cost;     // expected
  MoveRationale why;
  // Other processes that map the same pages. The kernel finds a page through the page table of one process,
  // so what the first one has not touched is looked for in these.
  std::vector<ProcessView> also{};
};

struct MigrationPlan {
  std::uint64_t sequence = 0;  // of the snapshot it was made from
  Tick tick;
  std::vector<MigrationRequest> requests;    // execution order: demotions that make room come first
  std::vector<MigrationRequest> declined{};  // promised to gain, but less than the margin asks for
};

// A move that a later plan must leave alone: what it takes and frees does not show in what is known of the
// nodes yet.
struct MoveUnderWay {
  RegionKey key;
  NodeId from, to;
  Bytes bytes;  // to come to `to`, at most
};

// requested = moved + already_there + absent + marked + sum(failed) + dropped, exactly, in pages of the
// kernel's base size.
struct PageCounts {
  std::uint64_t requested = 0, moved = 0, already_there = 0, absent = 0, dropped = 0;
  std::map<int, std::uint64_t> failed;  // by errno
  std::uint64_t marked =
      0;  // resident, but NUMA balancing has marked them and so the kernel will not move them
  std::uint64_t failed_total() const {
    std::uint64_t n = 0;
    for (const auto& [err, count] : failed) n += count;
    return n;
  }
  bool balanced() const {
    return requested == moved + already_there + absent + marked + dropped + failed_total();
  }
};

enum class MoveFate : std::uint8_t { kMoved, kPartly, kFailed, kStale, kCancelled, kTargetGone };
const char* to_string(MoveFate);

struct MigrationReport {
  std::uint64_t request_id = 0;
  std::uint64_t sequence = 0;
  RegionKey key;
  NodeId from, to;
  MoveFate fate{};
  PageCounts pages;
  Bytes moved;
  Nanoseconds duration{};
  bool unmovable = false;  // refused so often that the region should be left alone (Pinned::kUnmovable)
  std::string detail;      // for people: which errno, what happened
};

}  // namespace tier
