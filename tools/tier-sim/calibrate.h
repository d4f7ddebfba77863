// `tier-sim calibrate`: how much faster tierd makes a program in the lab, and by the simulator on what that
// run recorded, on a machine like the lab's.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace tier::sim {

struct CalibrateArguments {
  // In pairs: a run with none and one with tierd, each with its result.json, the second with a lab.trace.
  std::vector<std::string> folders;
  double tolerance = 0.05;
  std::uint64_t seeds = 5;
  bool json = false;
};

CLI::App* add_calibrate(CLI::App& app, CalibrateArguments& arguments);
// 0 where every gain lies within the tolerance of the lab's, 1 where one does not.
int calibrate(const CalibrateArguments& arguments);

}  // namespace tier::sim
