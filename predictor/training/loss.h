// What a window of forecasts costs in training, and how the cost changes with every forecast.
//
// Per tick and horizon, over the regions listed then: the Kullback-Leibler divergence of the forecast's
// shares of the demand from the true ones (it ranks the hot set, whatever the scale), plus a part of the
// squared log of the ratio of all demand forecast to all that came (policy reckons in seconds: levels count),
// plus a part of the quantiles' pinball losses at 0.1 and 0.9
// over the mean demand and what one sample stands for: below that nobody can tell how uncertain a forecast
// is, and a quiet tick would count for all others.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/forecast.h"

namespace tier {

struct LossWeights {
  double level = 0.05, pinball = 0.5;
  std::array<double, kHorizons.size()> horizons = {1, 1, 1};  // what each counts; mean 1
};

// By tick, then region, then horizon; accesses per tick. `came` below 0: not known.
struct LossInput {
  std::size_t ticks = 0, regions = 0;
  std::span<const float> low, mean, high, came;
  std::span<const std::uint8_t> counts;  // ticks x regions: 0 leaves a region out of that tick
  std::span<const float> unit;           // by tick: accesses per sample
};

struct LossGradient {
  std::vector<float> low, mean, high;  // as the input; d(loss)/d(forecast)
};

struct Loss {
  double divergence = 0, level = 0, pinball = 0;  // means over the ticks and horizons that count
  std::size_t scored = 0;                         // ticks times horizons
  double total(const LossWeights& weights) const {
    return divergence + weights.level * level + weights.pinball * pinball;
  }
};

// `gradient` may be null; else its vectors are made the input's size.
Loss training_loss(const LossInput& in, const LossWeights& weights, LossGradient* gradient);

}  // namespace tier
