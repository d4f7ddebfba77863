// tier-train fit
#include <fstream>
#include <iostream>
#include <memory>

#include "tools/tier-train/commands.h"
#include "tools/tier-train/fit_options.h"

namespace tier::sim {
namespace {

struct FitCommandArguments {
  FitArguments fit;
  std::string folder;
  bool json = false;
};

int fit_model(FitCommandArguments& arguments) {
  FitSettings& settings = arguments.fit.settings;
  if (auto concluded = conclude(arguments.fit); !concluded) return refuse(concluded.error());
  settings.folder = arguments.folder;
  if (auto made = make_folder(settings.folder); !made) return refuse(made.error());
  const auto report = fit(settings, make_fit_data(settings));
  if (!report) return refuse(report.error());
  std::ofstream history(settings.folder / "history.json");
  history << to_json(*report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  if (!history.flush())
    return refuse({ErrorKind::kFailed, "cannot write " + (settings.folder / "history.json").string(), ""});
  // Pictures are no reason to fail: the model is there.
  if (auto drawn = plot_fit(*report, settings.folder); !drawn)
    std::cerr << "tier-train: no pictures: " << drawn.error().text() << "\n";
  if (arguments.json) {
    std::cout << to_json(*report).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
  } else {
    std::cout << fit_table(*report) << (settings.folder / "model.safetensors").string() << "\n";
  }
  return 0;
}

}  // namespace

Command add_fit(CLI::App& app) {
  auto arguments = std::make_shared<FitCommandArguments>();
  auto* command = app.add_subcommand("fit", "trains a model, from workloads to a file");
  command->add_option("--out", arguments->folder, "folder for the model, checkpoints and pictures")
      ->required();
  command->add_flag("--resume", arguments->fit.settings.resume, "go on from the folder's checkpoint");
  add_training_options(command, arguments->fit);
  add_shape_options(command, arguments->fit);
  command->add_flag("--json", arguments->json, "the result as JSON");
  return {command, [arguments] { return fit_model(*arguments); }};
}

}  // namespace tier::sim
