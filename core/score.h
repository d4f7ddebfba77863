// How good a forecast or a placement was. One set of measures for the ledger, the tests and the benchmarks.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

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

// Outcome of the `count` regions forecast highest. Of those forecast alike at the edge as many as are needed
// count with the mean of all of them: a forecaster that cannot tell regions apart gets what chance gets.
// Both spans are of the same regions; `scratch` is any buffer.
double captured_demand(std::span<const float> forecast, std::span<const float> outcome, std::size_t count,
                       std::vector<float>& scratch);

// The same choice as weights: 1 for a chosen region, the share of those forecast alike at the edge for each
// of them, 0 for the others. captured_demand() is the sum of weight times outcome.
void choose_highest(std::span<const float> forecast, std::size_t count, std::span<float> weights,
                    std::vector<float>& scratch);

}  // namespace tier
