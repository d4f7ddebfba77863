// tier-train ablate
#include <iostream>
#include <memory>

#include "tools/tier-train/ablation.h"
#include "tools/tier-train/commands.h"
#include "tools/tier-train/fit_options.h"

namespace tier::sim {
namespace {

struct AblateArguments {
  FitArguments fit;
  std::string folder;
  unsigned seeds = 3;
  bool json = false;
};

int run_ablate(AblateArguments& arguments) {
  if (auto concluded = conclude(arguments.fit); !concluded) return refuse(concluded.error());
  RecipeSettings& recipes = arguments.fit.settings.recipes;
  if (recipes.left_out.empty()) recipes.left_out = left_out_by_default(recipes.recordings);
  const auto runs = ablate({arguments.fit.settings, arguments.seeds, arguments.folder});
  if (!runs) return refuse(runs.error());
  const auto summaries = summarise(*runs);
  std::cout << (arguments.json
                    ? to_json(summaries).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n"
                    : ablation_table(summaries));
  return 0;
}

}  // namespace

Command add_ablate(CLI::App& app) {
  auto arguments = std::make_shared<AblateArguments>();
  auto* command = app.add_subcommand("ablate", "what each part of the model is worth");
  command->add_option("--out", arguments->folder, "folder of results; what it has is not done again")
      ->required();
  command->add_option("--seeds", arguments->seeds, "trainings of each variant")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  add_training_options(command, arguments->fit);
  add_shape_options(command, arguments->fit);
  command->add_flag("--json", arguments->json, "the result as JSON");
  return {command, [arguments] { return run_ablate(*arguments); }};
}

}  // namespace tier::sim
