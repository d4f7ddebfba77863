// What better placement could still save, by the forecast. Pure.
#pragma once

#include "core/forecast.h"
#include "core/region.h"
#include "core/topology.h"
#include "core/units.h"

namespace tier {

// Stall a second that would be saved if what the fastest tier holds, or has room for, were what the
// forecast expects to be waited for most; each region counts with its mean over the next four ticks. By what
// is expected, since of one tick's samples a lucky few would seem to be all that is hot. What has no known
// place counts as on the slowest node. 0 on machines of one tier. `forecasts` are of the snapshot's regions,
// in their order.
StallSeconds expected_regret(const RegionSnapshot& snapshot, const ForecastSet& forecasts,
                             const SystemState& system, const TierTopology& topology);

}  // namespace tier
