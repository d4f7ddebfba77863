// A program's command line as JSON: what man pages and completion are made of (tools/manual). It comes from
// the definition that parses the command line, so that neither can say anything else.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace tier {

// The one argument that asks for it. No option of the definition: it is for the build, not for users.
inline constexpr std::string_view kDescribeCommands = "--describe-commands";

inline bool asks_for_description(int argc, char** argv) {
  return argc == 2 && std::string_view(argv[1]) == kDescribeCommands;
}

inline nlohmann::json option_description(const CLI::Option& option) {
  nlohmann::json names = nlohmann::json::array();
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  return {{"names", names},  // empty: it is known by its place
          {"place", option.get_positional() ? option.get_name(true) : ""},
          {"text", option.get_description()},
          {"type", option.get_type_name()},
          {"default", option.get_default_str()},
          {"value", option.get_items_expected_max() > 0},
          {"many", option.get_items_expected_max() > 1},
          {"required", option.get_required()}};
}

// Options whose group is empty are hidden, here as in --help.
inline nlohmann::json command_description(const CLI::App& app) {
  nlohmann::json options = nlohmann::json::array(), commands = nlohmann::json::array();
  for (const CLI::Option* option : app.get_options([](const CLI::Option*) { return true; }))
    if (!option->get_group().empty()) options.push_back(option_description(*option));
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (!command->get_group().empty()) commands.push_back(command_description(*command));
  return {{"name", app.get_name()},     {"text", app.get_description()},
          {"footer", app.get_footer()}, {"fallthrough", app.get_fallthrough()},
          {"options", options},         {"commands", commands}};
}

// `more` goes beside the commands, for example the configuration's keys. Returns the exit code.
inline int print_description(const CLI::App& app, const nlohmann::json& more = nlohmann::json::object()) {
  nlohmann::json description = command_description(app);
  description.update(more);
  const std::string text = description.dump(1, ' ', false, nlohmann::json::error_handler_t::replace);
  return std::puts(text.c_str()) < 0 ? 1 : 0;
}

}  // namespace tier
