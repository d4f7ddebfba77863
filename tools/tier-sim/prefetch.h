// `tier-sim prefetch`: rules that set prefetchers, on the model of them.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <thread>

#include "tools/tier-sim/prefetch_suite.h"

namespace tier::sim {

struct PrefetchArguments {
  PrefetchSuite suite;
  std::string plot;
  bool json = false;
};

CLI::App* add_prefetch(CLI::App& app, PrefetchArguments& arguments);
// A row for each policy and scenario. With `plot`: the first seed of the first scenario as a picture too.
int prefetch(PrefetchArguments& arguments);

}  // namespace tier::sim
