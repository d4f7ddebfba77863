#include "tierd/cli/command_line.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "core/printable.h"
#include "tierd/config/keys.h"
#include "tierd/config/short_words.h"
#include "tierd/words/wrap.h"

namespace tier {
namespace {

constexpr std::size_t kMostMessage = 400;
constexpr std::size_t kHelpColumns = 80;

// CLI11 breaks no lines. What goes on below stays in the column of the explanations.
class WrappedHelp final : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    const std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      const std::string_view line = std::string_view(text).substr(at, end - at);
      out += wrapped(line, kHelpColumns, line.starts_with(' ') ? get_column_width() : 0) + "\n";
      at = end + 1;
    }
    return out;
  }
};

void wrap_help(CLI::App& app) {
  app.formatter(std::make_shared<WrappedHelp>());
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) wrap_help(*command);
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (!command->get_name().empty()) names.push_back(command->get_name());
  return names;
}

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (command->check_name(name)) return command;
  return nullptr;
}

// The option that a command takes by this name, its own or one of the commands above it; null: none.
const CLI::Option* find_option(const CLI::App& app, const std::string& name) {
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent())
    if (const CLI::Option* option = at->get_option_no_throw(name)) return option;
  return nullptr;
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* at = &app; at != nullptr; at = at->get_parent())
    for (const CLI::Option* option : at->get_options())
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

// An abbreviation that one name alone begins with, else the nearest name.
std::string suggestion(const std::string& wrong, const std::vector<std::string>& names) {
  std::vector<std::string> begins;
  for (const std::string& name : names)
    if (wrong.size() >= 2 && name.starts_with(wrong)) begins.push_back(name);
  return begins.size() == 1 ? begins.front() : nearest_name(wrong, names);
}

std::string named(const char* kind, const std::string& wrong, const std::vector<std::string>& names) {
  const std::string nearest = suggestion(wrong, names);
  return fmt::format("no {} is called \"{}\"{}", kind, escaped_short(wrong),
                     nearest.empty() ? "" : fmt::format("; did you mean \"{}\"?", nearest));
}

// "tier-sim report" for the command `report`.
std::string full_name(const CLI::App& app) {
  return app.get_parent() == nullptr ? app.get_name() : full_name(*app.get_parent()) + " " + app.get_name();
}

// Whether the argument after `option` is its value. CLI11 counts a flag's arguments as 0.
bool takes_next(const CLI::Option& option, const std::string& argument) {
  return option.get_items_expected_max() > 0 && argument.find('=') == std::string::npos;
}

// The first word that is no command where one is expected, or no option; empty: there is none.
std::string unknown_word(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* at = &app;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--") return {};
    if (argument.starts_with("--") || (argument.size() == 2 && argument[0] == '-')) {
      const std::string name = argument.substr(0, argument.find('='));
      const CLI::Option* option = find_option(*at, name);
      if (option == nullptr) return named("option", name, option_names(*at));
      if (takes_next(*option, argument)) ++i;
    } else if (!argument.empty() && argument[0] != '-' && !command_names(*at).empty()) {
      const CLI::App* command = find_command(*at, argument);
      if (command == nullptr) return named("command", argument, command_names(*at));
      at = command;
    }
  }
  return {};
}

// The commands that a name alone does not choose between: `tierctl report`.
std::string missing_command(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* at = &app;
  for (const std::string& argument : arguments)
    if (const CLI::App* command = find_command(*at, argument)) at = command;
  return fmt::format("name one of its commands: {}", fmt::join(command_names(*at), ", "));
}

void show_help(const CLI::App& app, const std::vector<std::string>& words) {
  const CLI::App* at = &app;
  for (const std::string& word : words) {
    const CLI::App* command = find_command(*at, word);
    if (command == nullptr)
      throw CLI::ParseError(named("command", word, command_names(*at)), CLI::ExitCodes::BaseClass);
    at = command;
  }
  const std::string above = at->get_parent() == nullptr ? "" : full_name(*at->get_parent()) + " ";
  std::string text = at->get_formatter()->make_help(at, above + at->get_name(), CLI::AppFormatMode::Normal);
  text.erase(text.find_last_not_of('\n') + 1);
  throw CLI::CallForVersion(text, 0);  // the one exception of CLI11 that prints a text of ours and ends well
}

}  // namespace

void add_common_commands(CLI::App& app) {
  app.set_version_flag("--version", app.get_name() + " " TIERD_VERSION, "Print the version and exit");
  wrap_help(app);
  if (command_names(app).empty()) return;
  CLI::App* help = app.add_subcommand("help", "Explain a command and its options");
  const auto words = std::make_shared<std::vector<std::string>>();
  help->add_option("COMMAND", *words, "The command to explain; without it, all commands are listed");
  help->callback([&app, words] { show_help(app, *words); });
}

std::string command_line_problem(const CLI::App& app, const std::vector<std::string>& arguments,
                                 const CLI::ParseError& error) {
  const bool required = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError);
  const bool extra = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::ExtrasError);
  std::string problem;
  if (required || extra) problem = unknown_word(app, arguments);
  if (problem.empty() && required && std::string_view(error.what()) == "A subcommand is required")
    problem = missing_command(app, arguments);
  if (problem.empty()) problem = error.what();
  return with_short_words(escaped_short(problem, kMostMessage));
}

std::string error_text(const Error& error) {
  const std::string text = error.text();
  std::string out;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out += (at == 0 ? "" : "\n") + with_short_words(escaped(text.substr(at, end - at)));
    at = end + 1;
  }
  return out;
}

int end_parsing(const CLI::App& app, int argc, char** argv, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  fmt::print(stderr, "{}: {} (fix: see `{} --help`)\n", app.get_name(),
             command_line_problem(app, arguments, error), app.get_name());
  return 2;
}

int run_main(const char* name, const std::function<int()>& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}: {}\n", name, escaped_short(error.what(), kMostMessage));
    return 1;
  }
}

}  // namespace tier
