// `tier-sim speed`: what simulating costs, by size.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace tier::sim {

struct SpeedArguments {
  std::vector<double> gib = {10, 100, 1024};
  std::string workload = "gups-moving", machine = "ddr5-cxl";
  std::vector<std::string> policies = {"none", "tierd"};
  double length = 100;  // nominal seconds
  bool json = false;
};

CLI::App* add_speed(CLI::App& app, SpeedArguments& arguments);
// One line per size and policy: times faster than modelled, nanoseconds per region and tick of one modelled
// second, peak memory of the program so far.
int speed(const SpeedArguments& arguments);

}  // namespace tier::sim
