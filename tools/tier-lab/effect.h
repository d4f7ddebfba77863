// What a tool did for a program: two runs of one scenario, in words and in a table whose columns are
// explained.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/result.h"
#include "tools/tier-lab/record.h"
#include "tools/tier-lab/scenario.h"

namespace tier::lab {

// `without` is a result whose tool is "none", `with` one of the same scenario, kernel, seed and length.
// Errors (kUsage): they cannot be compared, or the program counts no operations of its own.
Result<std::string> effect_text(const nlohmann::json& without, const nlohmann::json& with);

// How far a run is after its latest period, for example "second 10 of 30: 41.2 million operations; the fast
// memory answers 85 % of the misses". Empty before the first period has ended.
std::string live_text(const Scenario& scenario, const RunRecord& record);

}  // namespace tier::lab
