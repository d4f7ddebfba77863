// What a trained network is worth on workloads it has not learnt from.
#pragma once

#include <array>
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "tools/tier-train/evaluate.h"
#include "tools/tier-train/recipes.h"

namespace tier::sim {

// Hit over oracle at K = 1/8, by horizon.
using Hits = std::array<double, kHorizons.size()>;

struct HeldOutScore {
  std::string workload, family;
  std::vector<Hits> hits;  // by contender
};

// Of every recipe that gives data, in their order, whatever the number of jobs. `progress` is called from one
// thread at a time. kUsage: no recipe gives any.
Result<std::vector<HeldOutScore>> score_held_out(
    std::span<const TaskRecipe> recipes, std::size_t ticks, const std::vector<Contender>& contenders,
    unsigned jobs, const std::function<void(std::size_t, std::size_t)>& progress);

nlohmann::json to_json(const std::vector<HeldOutScore>& scores);
// Throws nlohmann::json::exception for what is no such list.
std::vector<HeldOutScore> held_out_from(const nlohmann::json& json);

}  // namespace tier::sim
