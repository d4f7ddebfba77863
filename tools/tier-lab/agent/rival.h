// Puts the guest kernel's own tiering into the state the scenario asks for.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace tier::lab {

// `plan`: {"tool": none|numab|damos|tierd, "thp": …, "numa_balancing": off|boot, "damos": {…}, "numab": {…},
// "fast_node": n, "slow_nodes": [n, …]}. Empty on success, else what could not be set and why.
std::string apply_rival(const nlohmann::json& plan);

// Bytes that each DAMOS scheme has moved so far: {"hot_bytes": n, "cold_bytes": n}; empty object without
// DAMOS.
nlohmann::json damos_moved();

}  // namespace tier::lab
