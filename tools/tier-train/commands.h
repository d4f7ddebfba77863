// The subcommands of tier-train, a file each.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "core/result.h"

namespace tier::sim {

struct Command {
  CLI::App* app = nullptr;
  std::function<int()> run;  // after parsing; the exit code
};

Command add_evaluate(CLI::App& app);
Command add_fit(CLI::App& app);
Command add_inspect(CLI::App& app);
Command add_export(CLI::App& app);
Command add_ablate(CLI::App& app);
Command add_crossfit(CLI::App& app);
Command add_fewshot(CLI::App& app);
Command add_search(CLI::App& app);

// Says what is wrong and how to mend it; the exit code of the error's kind (docs/operations.md).
int refuse(const Error& error);

}  // namespace tier::sim
