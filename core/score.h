// How good a forecast or a placement was. One set of measures for the ledger, the tests and the benchmarks.
#pragma once

#include <cstddef>
#include <span>

#include "core/units.h"

namespace tier {

// Pinball loss of a forecast of the given quantile (0..1): the mean is least where the share of outcomes
// below the forecast is `quantile`. In the outcome's unit.
constexpr double pinball_loss(double outcome, double forecast, double quantile) {
  return outcome >= forecast ? quantile * (outcome - forecast) : (1 - quantile) * (forecast - outcome);
}

struct PlacedDemand {
  double demand = 0;  // accesses
  Bytes bytes;        // that must be moved to serve it
};

// Most demand that fits into `capacity`, taking the regions with most demand per byte first; the last one
// may fit in part.
double best_demand(std::span<const PlacedDemand> regions, Bytes capacity);

// Outcome of the `count` regions forecast highest, divided by that of the `count` regions that were highest:
// 1 is as good as knowing the future. Ties in the forecast go to the earlier region. 1 when there was no
// demand at all. Both spans are of the same regions.
double hit_share(std::span<const double> forecast, std::span<const double> outcome, std::size_t count);

}  // namespace tier
