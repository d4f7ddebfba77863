#include "sim/policies/kernel_lru.h"

#include <algorithm>
#include <cmath>

namespace tier::sim {
namespace {

constexpr double kPerGigabyte = 10;  // the inactive list is low at less than 1 / (1 + sqrt(10 GB)) [K]
// kswapd looks at one page: isolates it, walks its mapping, clears the accessed bit [A: rmap walks of mapped
// pages take about a microsecond]. So long does a full pass over its lists take, in which pages may be
// touched.
constexpr Nanoseconds kLookPrice = std::chrono::nanoseconds(1500);

}  // namespace

void KernelLru::start(const Machine& machine, double mark_step, double headroom) {
  lists_ = RegionLists(machine.regions(), kLists);
  since_.assign(machine.regions(), {});
  touch_rates_.assign(machine.regions(), {});
  referenced_.assign(machine.regions(), false);
  const double regions = static_cast<double>(capacity_in_regions(machine, 0));
  const double step = std::max(1.0, mark_step * regions);
  low_ = static_cast<std::int64_t>(std::ceil(2 * step));
  high_ = static_cast<std::int64_t>(std::ceil(3 * step));
  target_ = static_cast<std::int64_t>(std::ceil(std::max(4 * step, headroom * regions)));
}

void KernelLru::list(const Machine& machine, Region region) {
  const int tier = machine.tier_of(region), before = lists_.list_of(region);
  if (tier == kNowhere) return lists_.remove(region);
  const bool active = before == kActive || before == kSlowActive;
  const int list = tier == 0 ? (active ? kActive : kInactive) : (active ? kSlowActive : kSlow);
  if (list == before) return;
  since_[region] = machine.now();
  lists_.push_front(list, region);
}

void KernelLru::list_new(const Machine& machine, Region first, std::uint32_t count,
                         const PendingMoves& moves) {
  for (Region region = first; region < first + count; ++region)
    if (!moves.contains(region)) list(machine, region);
}

void KernelLru::remove(Region region) {
  lists_.remove(region);
  referenced_[region] = false;
}

// kswapd may pass over its lists many times within a step, while rates stand still.
bool KernelLru::touched_since(const Machine& machine, Region region, Nanoseconds now) {
  TouchRate& rate = touch_rates_[region];
  if (rate.read != machine.now()) rate = {touch_rate(machine, region), machine.now()};
  const double touched = touch_probability(rate.per_second, now - since_[region]);
  return touched >= 1 || uniform(random_) < touched;
}

void KernelLru::refill_inactive(Nanoseconds& clock, double ratio) {
  while (lists_.size(kActive) > 0 && lists_.size(kInactive) * ratio < lists_.size(kActive)) {
    const Region region = *lists_.back(kActive);
    since_[region] = clock += kLookPrice;
    referenced_[region] = false;
    lists_.push_front(kInactive, region);
  }
}

Nanoseconds KernelLru::reclaim(Machine& machine, PendingMoves& moves, Nanoseconds time) {
  if (!reclaiming_) return {};
  const double gigabytes =
      static_cast<double>(machine.capacity(0).value) / static_cast<double>((1_GiB).value);
  const double ratio = std::max(1.0, std::floor(std::sqrt(kPerGigabyte * gigabytes)));
  Nanoseconds clock = machine.now();
  const Nanoseconds end = clock + time;
  std::int64_t room = moves.room(machine, 0);
  while (clock < end && room < target_) {
    refill_inactive(clock, ratio);
    const auto region = lists_.back(kInactive);
    if (!region) break;
    clock += kLookPrice;
    if (touched_since(machine, *region, clock)) {
      lists_.push_front(referenced_[*region] ? kActive : kInactive, *region);
      referenced_[*region] = true;
      since_[*region] = clock;
      continue;
    }
    const int to = slower_with_room(machine, moves, 0);
    if (to == kNowhere) break;
    lists_.remove(*region);
    moves.queue(machine, *region, to);
    room = moves.room(machine, 0);
  }
  if (room >= target_) reclaiming_ = false;
  return clock - machine.now();
}

}  // namespace tier::sim
