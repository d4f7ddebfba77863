// The two plain baselines: last value, and frequency with decay.
#pragma once

#include <memory>

#include "predictor/forecaster.h"

namespace tier {

std::unique_ptr<Forecaster> make_last_value();
std::unique_ptr<Forecaster> make_frequency_decay();

}  // namespace tier
