#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace tier::sim {

struct FewshotCommand {
  CLI::App* app = nullptr;
  std::function<int()> run;  // after parsing; the exit code
};
FewshotCommand add_fewshot(CLI::App& app);

}  // namespace tier::sim
