// What the adaptation of the context is compared with: all weights, by the same ticks, steps and rule.
#pragma once

#include <vector>

#include "core/result.h"
#include "predictor/training/adapt.h"

namespace tier::sim {

// Ticks [begin, end) of a task, with what could be observed by then in place of the truth.
TrainingTask observed_part(const TrainingTask& task, std::size_t begin, std::size_t end);

struct WeightTuning {
  AdaptationSettings rule;
  double rate = 3e-3;  // Adam's
};

// Adam on `change`, which is added to `weights`; empty is none. True: what was found is in `change`; false:
// it was not better on the ticks held back, and `change` is as it was.
Result<bool> tune_weights(const std::vector<float>& weights, std::vector<float>& change,
                          const NetworkShape& shape, const TrainingTask& support, const WeightTuning& tuning);

}  // namespace tier::sim
