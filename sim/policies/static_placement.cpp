#include "sim/policies/static_placement.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>

#include "sim/policies/need.h"

namespace tier::sim {
namespace {

constexpr Nanoseconds kSlice = std::chrono::seconds(10);  // between looks at a trial's waiting
constexpr int kRefinements = 4;                           // halvings of the step between shares

class Fixed final : public Placer {
 public:
  explicit Fixed(const FixedPlacement& placement) : placement_(placement) {}
  int place(const Machine&, Region region) override { return placement_[region]; }

 private:
  const FixedPlacement& placement_;
};

class Search {
 public:
  Search(const MachineDescription& machine, const std::vector<WorkloadFactory>& workloads, std::uint64_t seed)
      : machine_(machine), workloads_(workloads), seed_(seed) {}

  // Runs the workloads under it and keeps it if they wait less than under the best so far.
  Result<bool> attempt(const FixedPlacement& placement) {
    std::vector<std::unique_ptr<Workload>> opened;
    for (const WorkloadFactory& open : workloads_) {
      auto workload = TIER_TRY(open());
      opened.push_back(std::move(workload));
    }
    Fixed placer(placement);
    Machine machine(machine_, std::move(opened), placer, seed_);
    TIER_TRY(machine.start());
    while (!machine.done() && machine.totals().stall < least_) machine.advance(kSlice);
    if (machine.error()) return tl::make_unexpected(*machine.error());
    if (!machine.done() || machine.totals().stall >= least_) return false;
    least_ = machine.totals().stall;
    best_ = placement;
    return true;
  }

  const FixedPlacement& best() const { return best_; }

 private:
  const MachineDescription& machine_;
  const std::vector<WorkloadFactory>& workloads_;
  std::uint64_t seed_;
  FixedPlacement best_;
  double least_ = std::numeric_limits<double>::infinity();
};

using Key = double (*)(const Need&);
std::vector<Region> order_by(const std::vector<Need>& needs, Key key) {
  std::vector<Region> order(needs.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](Region a, Region b) { return key(needs[a]) > key(needs[b]); });
  return order;
}

std::vector<std::vector<Region>> orders(const std::vector<Need>& needs) {
  const std::array<Key, 4> keys = {
      [](const Need& n) { return n.waited(); }, [](const Need& n) { return n.bytes; },
      [](const Need& n) { return n.bytes > 0 ? n.waited() / n.bytes : 0; },
      [](const Need& n) {
        return n.bytes > 0 ? n.bytes / std::max(n.waited(), std::numeric_limits<double>::min()) : 0;
      }};
  std::vector<std::vector<Region>> all;
  for (const Key key : keys) {
    std::vector<Region> order = order_by(needs, key);
    if (std::find(all.begin(), all.end(), order) == all.end()) all.push_back(std::move(order));
  }
  return all;
}

Result<Bytes> region_size_of(const std::vector<WorkloadFactory>& workloads) {
  if (workloads.empty()) return fail(ErrorKind::kUsage, "an oracle needs the workloads", "give it them");
  auto first = TIER_TRY(workloads.front()());
  return first->info().region_size;
}

}  // namespace

FixedPlacement fill_tiers(const MachineDescription& machine, Bytes region_size,
                          const std::vector<Region>& order, double share) {
  FixedPlacement placement(order.size());
  std::size_t tier = 0, used = 0;
  const auto room = [&](std::size_t t) {
    const std::uint64_t all = machine.tiers[t].capacity.value / region_size.value;
    return static_cast<std::size_t>(t == 0 ? static_cast<double>(all) * share : static_cast<double>(all));
  };
  for (const Region region : order) {
    while (tier + 1 < machine.tiers.size() && used >= room(tier)) ++tier, used = 0;
    placement[region] = static_cast<std::int8_t>(tier);
    ++used;
  }
  return placement;
}

std::vector<Region> by_waiting(const std::vector<Need>& needs) {
  return order_by(needs, [](const Need& need) { return need.waited(); });
}

namespace {

// Fills the tiers by orders of regions, the fastest one to a share of it.
class OrderSearch {
 public:
  OrderSearch(const MachineDescription& machine, Bytes region_size, Search& search)
      : machine_(machine), region_size_(region_size), search_(search) {}

  Result<void> attempt(const std::vector<Region>& order, double share) {
    if (TIER_TRY(search_.attempt(fill_tiers(machine_, region_size_, order, share))))
      best_share_ = share, best_order_ = order;
    return {};
  }

  // Shares around the best one, ever nearer to it.
  Result<void> refine() {
    double step = 0.25;
    for (int i = 0; i < kRefinements && !best_order_.empty(); ++i, step /= 2) {
      const double centre = best_share_;
      const std::vector<Region> order = best_order_;
      for (const double share : {centre + step, centre - step})
        if (share > 0) TIER_TRY(attempt(order, share));
    }
    return {};
  }

 private:
  const MachineDescription& machine_;
  const Bytes region_size_;
  Search& search_;
  std::vector<Region> best_order_;
  double best_share_ = 1;
};

}  // namespace

Result<FixedPlacement> best_fixed_placement(const MachineDescription& machine,
                                            const std::vector<WorkloadFactory>& workloads,
                                            std::uint64_t seed) {
  const auto region_size = TIER_TRY(region_size_of(workloads));
  const auto needs = TIER_TRY(all_needs(machine, workloads));
  Search search(machine, workloads, seed);
  // First touch: everything wants the fastest tier, and what comes first gets it.
  TIER_TRY(search.attempt(FixedPlacement(needs.size(), 0)));
  OrderSearch by_order(machine, region_size, search);
  for (const auto& order : orders(needs))
    for (const double share : {1.0, 0.5, 0.0}) TIER_TRY(by_order.attempt(order, share));
  TIER_TRY(by_order.refine());
  return search.best();
}

}  // namespace tier::sim
