// tier-train export
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/tier-train/commands.h"
#include "tools/tier-train/exporting.h"

namespace tier::sim {
namespace {

struct ExportArguments {
  std::string folder, to;
  bool latest = false, json = false;
};

int export_file(const ExportArguments& arguments) {
  const auto exported =
      export_model(arguments.folder, arguments.latest ? FitModel::kLatest : FitModel::kBest, arguments.to);
  if (!exported) return refuse(exported.error());
  if (arguments.json) {
    std::cout << nlohmann::json{{"schema", "tierd.export/1"},
                                {"file", arguments.to},
                                {"sha256", exported->hash},
                                {"bytes", exported->bytes}}
                     .dump(2, ' ', false, nlohmann::json::error_handler_t::replace)
              << "\n";
  } else {
    std::cout << exported->hash << "  " << exported->bytes << " bytes  " << arguments.to << "\n";
  }
  return 0;
}

}  // namespace

Command add_export(CLI::App& app) {
  auto arguments = std::make_shared<ExportArguments>();
  auto* command = app.add_subcommand("export", "the file to install, from a fit's folder");
  command->add_option("folder", arguments->folder, "what was given to `fit --out`")->required();
  command->add_option("--to", arguments->to, "file; the one before stays as FILE.previous")->required();
  command->add_flag("--latest", arguments->latest, "the checkpoint's weights, not the best model's");
  command->add_flag("--json", arguments->json, "the result as JSON");
  return {command, [arguments] { return export_file(*arguments); }};
}

}  // namespace tier::sim
