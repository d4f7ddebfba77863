// tier-train: how well forecasters forecast, and the training of the one that learns.
#include <iostream>

#include "tierd/cli/command_description.h"
#include "tierd/cli/command_line.h"
#include "tools/tier-train/commands.h"

namespace tier::sim {

int refuse(const Error& error) {
  std::cerr << "tier-train: " << error_text(error) << "\n";
  return static_cast<int>(error.kind);
}

namespace {

int program(int argc, char** argv) {
  CLI::App app("tier-train: forecasters of memory demand, their training and evaluation", "tier-train");
  app.require_subcommand(1);
  const std::vector<Command> commands = {add_evaluate(app), add_fit(app),    add_inspect(app),
                                         add_export(app),   add_ablate(app), add_crossfit(app),
                                         add_fewshot(app),  add_search(app)};
  add_common_commands(app);
  if (asks_for_description(argc, argv)) return print_description(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return end_parsing(app, argc, argv, error);
  }
  for (const Command& command : commands)
    if (command.app->parsed()) return command.run();
  return 2;
}

}  // namespace
}  // namespace tier::sim

int main(int argc, char** argv) {
  return tier::run_main("tier-train", [&] { return tier::sim::program(argc, argv); });
}
