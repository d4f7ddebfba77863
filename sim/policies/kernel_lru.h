// The kernel's LRU lists of the fastest tier, and kswapd, which demotes from their ends: what NUMA balancing,
// TPP and PACT leave demotion to. Constants: mm/vmscan.c and mm/page_alloc.c of Linux 6.12 [K].
//
// A region stands for its pages: one place on the lists.
#pragma once

#include <vector>

#include "sim/machine/sampling.h"
#include "sim/policies/pending_moves.h"
#include "sim/policies/region_lists.h"

namespace tier::sim {

class KernelLru {
 public:
  explicit KernelLru(std::uint64_t seed) : lists_(0, 0), random_(seed) {}

  // Watermarks lie `mark_step` of the fast tier apart; reclaim aims at the fourth, or `headroom` of the tier
  // where that is more. Shares, from 0 up.
  void start(const Machine& machine, double mark_step, double headroom);

  // Where the region belongs by its tier. New ones begin on the inactive list; one that was moved stays as
  // active as it was.
  void list(const Machine& machine, Region region);
  // The same for regions just allocated, but for those in motion: they are listed when they arrive.
  void list_new(const Machine& machine, Region first, std::uint32_t count, const PendingMoves& moves);
  void remove(Region region);
  bool active_below(Region region) const { return lists_.list_of(region) == kSlowActive; }
  void activate_below(Region region) { lists_.push_front(kSlowActive, region); }  // of a slower tier

  // Free regions: what allocation leaves, what promotion must find, and what reclaim aims at.
  std::int64_t low() const { return low_; }
  std::int64_t high() const { return high_; }
  std::int64_t target() const { return target_; }

  void wake() { reclaiming_ = true; }
  // kswapd, for `time`: refills the inactive list from the active one's end, and demotes from the inactive
  // list's end what was not touched while it lay there. The first touch keeps a page, the second activates
  // it. Asleep, or with what it aims at free, it does nothing. Returns the CPU time that it took.
  Nanoseconds reclaim(Machine& machine, PendingMoves& moves, Nanoseconds time);

 private:
  // Of the fast tier. On slower tiers there is no pressure: a page that was activated stays so.
  enum : int { kInactive, kActive, kSlow, kSlowActive, kLists };
  struct TouchRate {
    double per_second = 0;
    Nanoseconds read{-1};
  };
  bool touched_since(const Machine& machine, Region region, Nanoseconds now);
  void refill_inactive(Nanoseconds& clock, double ratio);

  RegionLists lists_;
  Random random_;
  std::vector<Nanoseconds> since_;      // when its accessed bit was cleared last
  std::vector<TouchRate> touch_rates_;  // by region
  std::vector<bool> referenced_;
  std::int64_t low_ = 0, high_ = 0, target_ = 0;
  bool reclaiming_ = false;
};

}  // namespace tier::sim
