#include "tools/tier-train/held_out.h"

#include <optional>

#include "tools/tier-sim/parallel.h"

namespace tier::sim {
namespace {

Result<HeldOutScore> score_one(const TaskRecipe& recipe, std::size_t ticks,
                               const std::vector<Contender>& contenders) {
  const auto dataset = TIER_TRY(make_recipe_dataset(recipe, ticks));
  const auto scores = TIER_TRY(evaluate(dataset, contenders));
  HeldOutScore out{recipe.workload, recipe.family, {}};
  for (const ForecasterScores& of : scores) {
    Hits& hits = out.hits.emplace_back();
    for (std::size_t h = 0; h < hits.size(); ++h) hits[h] = of.horizons[h].hit[kEighth];
  }
  return out;
}

}  // namespace

Result<std::vector<HeldOutScore>> score_held_out(
    std::span<const TaskRecipe> recipes, std::size_t ticks, const std::vector<Contender>& contenders,
    unsigned jobs, const std::function<void(std::size_t, std::size_t)>& progress) {
  std::vector<std::optional<HeldOutScore>> made(recipes.size());
  const auto score_recipe = [&](std::size_t i) {
    if (auto scored = score_one(recipes[i], ticks, contenders)) made[i] = *std::move(scored);
  };
  in_parallel(recipes.size(), jobs, score_recipe, progress);
  std::vector<HeldOutScore> scores;
  for (auto& score : made)
    if (score) scores.push_back(*std::move(score));
  if (scores.empty())
    return fail(ErrorKind::kUsage, "no workload is held out that gives data",
                "leave out fewer, or give more");
  return scores;
}

nlohmann::json to_json(const std::vector<HeldOutScore>& scores) {
  nlohmann::json list = nlohmann::json::array();
  for (const HeldOutScore& of : scores)
    list.push_back({{"workload", of.workload}, {"family", of.family}, {"hits", of.hits}});
  return list;
}

std::vector<HeldOutScore> held_out_from(const nlohmann::json& json) {
  std::vector<HeldOutScore> scores;
  for (const auto& of : json)
    scores.push_back({of.at("workload").get<std::string>(), of.at("family").get<std::string>(),
                      of.at("hits").get<std::vector<Hits>>()});
  return scores;
}

}  // namespace tier::sim
