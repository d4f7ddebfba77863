// A small task whose truth a network can learn and no baseline tells, for tests.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>

#include "predictor/training/task.h"

namespace tier {

// Regions take turns: of a pair, one is busy for four ticks, then the other. The features show who is busy
// and since when; the baselines say the same of both.
inline TrainingTask alternating_task(std::size_t regions, std::size_t ticks, std::uint64_t seed) {
  TrainingTask task;
  task.workload = "alternating", task.family = "alternating", task.machine = "none";
  task.regions = regions;
  std::mt19937_64 random(seed);
  const std::size_t shift = random() % 8;
  constexpr std::size_t kCount = kHorizons.size();
  const auto busy = [&](std::size_t region, std::size_t tick) {
    return ((tick + shift) / 4) % 2 == region % 2 ? 1000.0F : 10.0F;
  };
  for (std::size_t t = 0; t < ticks; ++t) {
    task.add_tick();
    task.unit[t] = 100;
    for (std::size_t r = 0; r < regions; ++r) {
      const std::size_t at = t * regions + r;
      task.listed[at] = 1;
      task.features[at * kFeatures] = 0.1F * std::log1p(busy(r, t));
      task.features[at * kFeatures + 1] = 0.1F * std::log1p(t >= 3 ? busy(r, t - 3) : 0.0F);
      for (std::size_t h = 0; h < kCount; ++h) {
        for (std::size_t k = 0; k < kBaselines; ++k) task.baselines[(at * kCount + h) * kBaselines + k] = 500;
        float sum = 0;
        for (int ahead = 1; ahead <= kHorizons[h]; ++ahead)
          sum += busy(r, t + static_cast<std::size_t>(ahead));
        task.came[at * kCount + h] = sum / static_cast<float>(kHorizons[h]);
      }
    }
  }
  return task;
}

}  // namespace tier
