// Moves that a policy has put into the machine's queue and that are not done yet.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <vector>

#include "sim/machine/machine.h"
#include "sim/policies/settings.h"

namespace tier::sim {

class PendingMoves {
 public:
  void start(const Machine& machine) { pending_.assign(machine.regions(), false); }

  void queue(Machine& machine, Region region, int to) {
    moves_.push_back({region, machine.tier_of(region), to});
    pending_[region] = true;
    plan(moves_.back(), 1);
    machine.queue_move(region, to);
  }

  // Tells `done(region)` of each move that has been carried out, or refused, since the last call.
  template <typename Done>
  void settle(const Machine& machine, Done done) {
    while (moves_.size() > machine.queued()) {
      const Move move = moves_.front();
      moves_.pop_front();
      pending_[move.region] = false;
      plan(move, -1);
      done(move.region);
    }
  }

  bool contains(Region region) const { return pending_[region]; }
  std::size_t size() const { return moves_.size(); }

  // Regions for which the tier has room once everything queued has been carried out.
  std::int64_t room(const Machine& machine, int tier) const {
    const auto free = static_cast<std::int64_t>(machine.free(tier).value / machine.region_size().value);
    return free - planned_[static_cast<std::size_t>(tier)];
  }

 private:
  struct Move {
    Region region = 0;
    int from = 0, to = 0;
  };
  void plan(const Move& move, std::int64_t sign) {
    planned_[static_cast<std::size_t>(move.to)] += sign;
    if (move.from != kNowhere) planned_[static_cast<std::size_t>(move.from)] -= sign;
  }

  std::deque<Move> moves_;  // in the order of the machine's queue
  std::vector<bool> pending_;
  std::array<std::int64_t, kMostTiers> planned_{};  // regions that will come to a tier, less those that leave
};

// The nearest slower tier that will have room; kNowhere when there is none.
inline int slower_with_room(const Machine& machine, const PendingMoves& moves, int tier) {
  for (int slower = tier + 1; slower < machine.tiers(); ++slower)
    if (moves.room(machine, slower) > 0) return slower;
  return kNowhere;
}

inline std::int64_t capacity_in_regions(const Machine& machine, int tier) {
  return static_cast<std::int64_t>(machine.capacity(tier).value / machine.region_size().value);
}

// Threads of the policy's own that keep so many CPUs busy: where none is idle, programs lose the time.
inline void charge_helpers(Machine& machine, double cpus, Nanoseconds elapsed) {
  const double short_of = machine.busy_threads() + cpus - machine.description().cpus;
  if (short_of > 0) machine.interfere_with_all(std::min(short_of, cpus) * seconds(elapsed));
}

// HeMem's way to copy, which Colloid rides on; settings copy_threads, rate and interval_s. How many regions
// may be on their way at a time.
inline std::size_t set_up_hemem_copying(Machine& machine, const PolicySettings& settings) {
  machine.set_copy_threads(static_cast<int>(settings["copy_threads"]));
  machine.set_copy_rate(settings["rate"]);
  machine.set_readable_moves(true);  // pages are write-protected while they are copied [C]
  const double batch = settings["rate"] * settings["interval_s"];
  return std::max<std::size_t>(
      1, static_cast<std::size_t>(batch / static_cast<double>(machine.region_size().value)));
}

}  // namespace tier::sim
