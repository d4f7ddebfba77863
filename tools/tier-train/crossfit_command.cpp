// tier-train crossfit
#include <iostream>
#include <memory>

#include "tools/tier-train/commands.h"
#include "tools/tier-train/crossfit.h"
#include "tools/tier-train/fit_options.h"

namespace tier::sim {
namespace {

struct CrossfitArguments {
  FitArguments fit;
  CrossfitSettings settings;
  std::string folder;
  bool cases = false, json = false;
};

int run_crossfit(CrossfitArguments& arguments) {
  if (auto concluded = conclude(arguments.fit); !concluded) return refuse(concluded.error());
  arguments.settings.fit = arguments.fit.settings;
  arguments.settings.fit.folder = arguments.folder;
  if (auto made = make_folder(arguments.folder); !made) return refuse(made.error());
  const auto evaluations = crossfit(arguments.settings);
  if (!evaluations) return refuse(evaluations.error());
  std::cout << (arguments.json
                    ? to_json(*evaluations).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
                          "\n"
                    : evaluation_table(*evaluations, arguments.cases));
  return 0;
}

}  // namespace

Command add_crossfit(CLI::App& app) {
  auto arguments = std::make_shared<CrossfitArguments>();
  auto* command = app.add_subcommand(
      "crossfit", "what models are worth on a machine and on workloads that they were not trained on");
  command->add_option("--out", arguments->folder, "folder for the models, one for each fold")->required();
  command->add_option("--seeds", arguments->settings.seeds, "seeds of the evaluations")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_option("--workload", arguments->settings.workloads,
                      "that are judged; none: the standard ones");
  add_training_options(command, arguments->fit);
  add_shape_options(command, arguments->fit);
  command->add_flag("--cases", arguments->cases, "every workload by itself");
  command->add_flag("--json", arguments->json, "the result as JSON");
  return {command, [arguments] { return run_crossfit(*arguments); }};
}

}  // namespace tier::sim
