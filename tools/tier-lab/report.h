// A run's result as JSON (the lasting form) and as tables and heat maps for a terminal (made from that JSON).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/result.h"
#include "tools/tier-lab/verdict.h"

namespace tier::lab {

inline constexpr const char* kResultSchema = "tier-lab.result/1";

// Everything of the verdict, with per-period arrays and the heat map, plus the scenario's identity and the
// guest's own facts.
nlohmann::json result_json(const Scenario& scenario, const RunRecord& record, const Verdict& verdict);
// Exec mode: exit codes and the machine's facts.
nlohmann::json exec_json(const Scenario& scenario, const RunRecord& record);

// Reads a result file and checks its schema. Errors (kUsage): not there, not JSON, another schema.
// `named`: the file, or the folder of the run.
Result<nlohmann::json> load_result(const std::string& named);

// True for a result whose clock let waiting for memory take time; false for older results, which have no
// clock.
bool waiting_took_time(const nlohmann::json& result);

// One result as a two-column table.
std::string result_table(const nlohmann::json& result);
// Several results side by side, one row each; stall is set against the first whose tool is "none".
std::string compare_table(const std::vector<nlohmann::json>& results);
// Regions down (most missed first, `rows` at most, in address order), time across; colour or letter tells the
// serving node, depth the misses.
std::string heat_map(const nlohmann::json& result, std::size_t rows, bool colour);

}  // namespace tier::lab
