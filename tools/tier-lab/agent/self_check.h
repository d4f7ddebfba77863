// What waiting for memory costs in this guest, measured: a pointer chase on each node, and where samples of
// the clock fall in a loop that waits for two of them.
#pragma once

#include <nlohmann/json.hpp>

namespace tier::lab {

// `expected` and the result: tools/tier-lab/self_check.h. Takes about half a guest second and `circle_kib` of
// each node, which are given back.
nlohmann::json measure_waiting(const nlohmann::json& expected);

}  // namespace tier::lab
