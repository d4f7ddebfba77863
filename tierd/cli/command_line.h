// What the command lines of all programs have in common: --version, `help`, and one short line that says what
// is wrong.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "core/result.h"

namespace tier {

// Adds `--version`, which prints "NAME VERSION", and, where the program has commands, `help [COMMAND…]`; help
// texts are broken at words, for 80 columns. Call it when all commands are defined; app.get_name() must be
// set.
void add_common_commands(CLI::App& app);

// Why the command line is refused, for one line of a terminal. A command or an option that does not exist is
// named, with the nearest that does; what is repeated of the arguments is shortened.
std::string command_line_problem(const CLI::App& app, const std::vector<std::string>& arguments,
                                 const CLI::ParseError& error);

// An error for a terminal: every line printable, overlong words shortened.
std::string error_text(const Error& error);

// For programs that have no other way to report: prints help or the version to standard output, or the
// problem to standard error, and returns the exit code (0, or 2 for wrong usage).
int end_parsing(const CLI::App& app, int argc, char** argv, const CLI::ParseError& error);

// What `body` returns; 1 where it throws, and standard error says what. The standard library throws where a
// folder is read as a file.
int run_main(const char* name, const std::function<int()>& body);

}  // namespace tier
