// tierctl's command line: every command and option, each with the sentence that --help, the manual pages and
// the completion of shells print.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "tools/tierctl/commands.h"
#include "tools/tierctl/top_selection.h"

namespace tier {

struct Arguments {
  CommandOptions options;
  std::string color = "auto";
  bool no_legend = false;
  TopSelection top;
  std::uint32_t rows = 40, ticks = 0;
  std::int32_t pid = 0;
  std::string address, file, duration;
  RecordFilter filter;
  std::uint64_t since = 0;
  bool follow = false, dry_run = false, check = false;
  std::vector<std::string> control;  // the words of its name
  std::string option, root = "/";
  bool restart = false, all = false;
};

using Action = std::function<Result<void>(Commands&)>;

// Defines everything in `app`, whose name must be set. Parsing fills `arguments` and `action`; all three must
// live until then.
void define_command_line(CLI::App& app, Arguments& arguments, Action& action);

}  // namespace tier
