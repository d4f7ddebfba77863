#include "sim/policies/waiting_bound.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <utility>

#include "sim/machine/loaded_latency.h"
#include "sim/policies/need.h"

namespace tier::sim {
namespace {

constexpr double kSolver = 0.99;  // of the bound, for the machine's own tolerance
constexpr int kCells = 24;        // of the slow tier's share of the traffic
constexpr int kMultiplierSteps = 30;
constexpr double kPrecision = 2e-3;  // of the fixed point, relative

double wait_of(const Need& need, double latency, double lead) {
  return need.accesses * latency - need.hidden * std::min(latency, lead);
}

// One interval of one job on a machine with two tiers.
class TwoTiers {
 public:
  TwoTiers(const MachineDescription& machine, const std::vector<Need>& needs, double room)
      : machine_(machine), room_(room) {
    for (const Need& need : needs)
      if (need.accesses > 0 || need.bytes > 0) needs_.push_back(need);
    for (const Need& need : needs_) bytes_ += need.bytes;
  }

  // A lower bound of g: of the waiting in an interval that takes no longer than `length` seconds.
  double least(double length) const {
    std::vector<std::pair<double, int>> cells;
    cells.reserve(kCells);
    for (int cell = 0; cell < kCells; ++cell)
      cells.emplace_back(dual(latencies(cell, length), cell, 0).value, cell);
    std::sort(cells.begin(), cells.end());
    double least = std::numeric_limits<double>::infinity();
    for (const auto& [without_traffic, cell] : cells) {
      if (without_traffic >= least) break;  // a cell's bound is no lower than that
      least = std::min(least, of_cell(cell, length));
    }
    return least;
  }

 private:
  using Latencies = std::array<double, 2>;  // seconds
  struct Dual {
    double value = 0;
    double excess = 0;  // bytes on the slow tier beyond the cell's bound that the multiplier is of
  };

  double share(int cell) const { return static_cast<double>(cell) / kCells; }
  double latency(std::size_t tier, double bytes, double length) const {
    const TierDescription& of = machine_.tiers[tier];
    const double rate = length > 0 ? bytes / length : 0;
    return seconds(of.latency) * load_factor(of, (rate + of.background) / of.bandwidth);
  }
  // The least that either tier may have in the cell.
  Latencies latencies(int cell, double length) const {
    return {latency(0, bytes_ * (1 - share(cell + 1)), length), latency(1, bytes_ * share(cell), length)};
  }

  // Everything on the slow tier at `multiplier` a byte, less what the best that fit in the fast one save.
  Dual dual(const Latencies& latency, int cell, double multiplier) const {
    const double lead0 = machine_.prefetch.lead * seconds(machine_.tiers[0].latency);
    const double lead1 = machine_.prefetch.lead * seconds(machine_.tiers[1].latency);
    const double bound = bytes_ * share(multiplier > 0 ? cell + 1 : cell);
    Dual dual{-multiplier * bound, bytes_ - bound};
    saved_.clear();
    for (const Need& need : needs_) {
      const double slow = wait_of(need, latency[1], lead1) + multiplier * need.bytes;
      dual.value += slow;
      const double saved = slow - wait_of(need, latency[0], lead0);
      if (saved > 0) saved_.emplace_back(saved, need.bytes);
    }
    const auto whole = static_cast<std::size_t>(std::floor(room_));
    if (saved_.size() > whole) {
      const auto end = saved_.begin() + static_cast<std::ptrdiff_t>(whole);
      std::nth_element(saved_.begin(), end, saved_.end(), std::greater<>());
      saved_.erase(end, saved_.end());
    }
    for (const auto& [saved, bytes] : saved_) dual.value -= saved, dual.excess -= bytes;
    return dual;
  }

  // The dual is concave in the multiplier: doubled until the excess changes its sign, then halved.
  double of_cell(int cell, double length) const {
    const Latencies latency = latencies(cell, length);
    const Dual free = dual(latency, cell, 0);
    double best = free.value;
    const double slow = free.excess + bytes_ * share(cell);  // bytes, where traffic is not bound
    if (bytes_ <= 0 || (slow >= bytes_ * share(cell) && slow <= bytes_ * share(cell + 1))) return best;
    const double sign = slow > bytes_ * share(cell + 1) ? 1 : -1;
    double low = 0, high = std::max(free.value, 1e-12) / bytes_;
    const auto beyond = [&](double multiplier) {  // the multiplier is too small
      const Dual at = dual(latency, cell, sign * multiplier);
      best = std::max(best, at.value);
      return sign * at.excess > 0;
    };
    int steps = 0;
    while (steps++ < kMultiplierSteps && beyond(high)) low = high, high *= 2;
    for (; steps < kMultiplierSteps; ++steps) {
      const double middle = (low + high) / 2;
      (beyond(middle) ? low : high) = middle;
    }
    return best;
  }

  const MachineDescription& machine_;
  double room_;  // regions that fit in the fast tier
  std::vector<Need> needs_;
  double bytes_ = 0;
  mutable std::vector<std::pair<double, double>> saved_;  // seconds, bytes
};

double where_least(const MachineDescription& machine, const std::vector<Need>& needs) {
  double sum = 0;
  for (const Need& need : needs) {
    double least = std::numeric_limits<double>::infinity();
    for (const TierDescription& tier : machine.tiers)
      least = std::min(least,
                       wait_of(need, seconds(tier.latency), machine.prefetch.lead * seconds(tier.latency)));
    sum += least;
  }
  return sum;
}

// The largest v found with g(v) >= v. `length`: seconds that the interval takes at most, where it waits so
// long.
double fixed_point(const TwoTiers& tiers, const std::function<double(double)>& length) {
  double low = tiers.least(std::numeric_limits<double>::infinity());
  if (low <= 0) return 0;
  double high = low * (1 + kPrecision);
  for (double step = kPrecision; tiers.least(length(high)) >= high; step *= 2) low = high, high *= 1 + step;
  while (high > low * (1 + kPrecision)) {
    const double middle = std::sqrt(low * high);
    (tiers.least(length(middle)) >= middle ? low : high) = middle;
  }
  return low;
}

double of_interval(const MachineDescription& machine, const WorkloadInfo& info, const Interval& interval) {
  std::vector<Need> needs(info.regions);
  add_needs(machine, info, *interval.demand, 1, 0, needs);
  if (machine.tiers.size() != 2) return where_least(machine, needs);
  const std::uint64_t room = machine.tiers[0].capacity.value / info.region_size.value;  // whole regions
  return fixed_point(TwoTiers(machine, needs, static_cast<double>(room)), [&](double waiting) {
    double longest = 0;
    for (std::size_t k = 0; k < info.targets.size(); ++k)
      longest = std::max(longest, (interval.compute[k] + waiting) / info.targets[k].threads);
    return longest;
  });
}

}  // namespace

Result<double> least_waiting(const MachineDescription& machine,
                             const std::vector<WorkloadFactory>& workloads) {
  double sum = 0;
  for (const WorkloadFactory& open : workloads) {
    auto workload = TIER_TRY(open());
    std::optional<Interval> before;
    double last = 0;
    while (true) {
      auto interval = TIER_TRY(workload->next());
      if (!interval) break;
      const bool same = before && before->demand == interval->demand && before->compute == interval->compute;
      if (!same) last = of_interval(machine, workload->info(), *interval);
      sum += last;
      before = std::move(interval);
    }
  }
  return kSolver * sum;
}

}  // namespace tier::sim
