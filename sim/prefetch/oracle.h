// The best settings of a moment, for who knows the model exactly.
#pragma once

#include <vector>

#include "sim/prefetch/model.h"

namespace tier::sim {

// Every scope under the same setting.
std::vector<std::size_t> uniform_settings(const PrefetchModel& model, std::size_t setting);
// The best of all in which scopes of one kind have one setting, by progress; of equal ones the first. Tries
// settings^kinds of them.
std::vector<std::size_t> best_settings(const PrefetchModel& model, double intensity = 1);

}  // namespace tier::sim
