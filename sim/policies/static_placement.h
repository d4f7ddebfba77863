// The best placement that never changes, found by trying placements on the machine itself.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/policies/need.h"
#include "sim/workload.h"

namespace tier::sim {

using FixedPlacement = std::vector<std::int8_t>;  // tier by region

// Fills the tiers in `order`, the fastest one to a share of its capacity.
FixedPlacement fill_tiers(const MachineDescription& machine, Bytes region_size,
                          const std::vector<Region>& order, double share);
std::vector<Region> by_waiting(const std::vector<Need>& needs);  // the most waited for first

// Orders regions by what they ask for over the whole run, fills the fastest tier with a share of its
// capacity, and takes the order and the share under which the workloads wait least. Candidates are first
// touch, and four orders: a saturated tier is relieved by moving what brings most traffic for least waiting,
// or the reverse.
Result<FixedPlacement> best_fixed_placement(const MachineDescription& machine,
                                            const std::vector<WorkloadFactory>& workloads,
                                            std::uint64_t seed);

}  // namespace tier::sim
