// Outcomes as if they had just come due, for tests.
#pragma once

#include <vector>

#include "core/score.h"
#include "predictor/outcomes.h"

namespace tier {

// `forecasts`: by candidate. A horizon of one tick: what came is the running tick's demand.
inline Outcomes outcomes_of(const std::vector<std::vector<float>>& forecasts, const std::vector<float>& came,
                            std::size_t capacity) {
  Outcomes outcomes;
  outcomes.slots.resize(came.size());
  outcomes.came = came;
  outcomes.capacity = capacity;
  outcomes.under_way = true;
  outcomes.valid.assign(forecasts.size(), true);
  outcomes.chosen.resize(forecasts.size() * came.size());
  for (const auto& forecast : forecasts)
    outcomes.forecasts.insert(outcomes.forecasts.end(), forecast.begin(), forecast.end());
  for (const float demand : came) outcomes.total += demand;
  outcomes.asked = outcomes.total;
  std::vector<float> scratch;
  for (std::size_t c = 0; c < forecasts.size(); ++c) {
    choose_highest(outcomes.of(c), capacity, outcomes.chosen_by(c), scratch);
    double captured = 0;
    for (std::size_t i = 0; i < came.size(); ++i) captured += outcomes.chosen_by(c)[i] * came[i];
    outcomes.captured.push_back(captured);
  }
  return outcomes;
}

}  // namespace tier
