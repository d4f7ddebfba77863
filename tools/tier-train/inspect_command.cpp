// tier-train inspect
#include <iostream>
#include <memory>

#include "tools/tier-train/commands.h"
#include "tools/tier-train/inspection.h"

namespace tier::sim {
namespace {

struct InspectArguments {
  std::string file;
  bool json = false;
};

int inspect(const InspectArguments& arguments) {
  const auto inspection = inspect_model(arguments.file);
  if (!inspection) return refuse(inspection.error());
  std::cout << (arguments.json
                    ? to_json(*inspection).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
                          "\n"
                    : inspection_table(*inspection));
  return 0;
}

}  // namespace

Command add_inspect(CLI::App& app) {
  auto arguments = std::make_shared<InspectArguments>();
  auto* command = app.add_subcommand("inspect", "what is in a model's file");
  command->add_option("file", arguments->file, "a model file")->required();
  command->add_flag("--json", arguments->json, "the result as JSON");
  return {command, [arguments] { return inspect(*arguments); }};
}

}  // namespace tier::sim
