// `tier-sim calibrate`: the lab's scenarios replayed on a machine like the lab's, beside what the lab
// counted.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace tier::sim {

struct CalibrateArguments {
  std::vector<std::string> folders;  // each with result.json and lab.trace
  double tolerance = 0.05;
  std::uint64_t seeds = 5;
  bool json = false;
};

CLI::App* add_calibrate(CLI::App& app, CalibrateArguments& arguments);
// 0 where every fast-tier share lies within the tolerance of the lab's, 1 where one does not.
int calibrate(const CalibrateArguments& arguments);

}  // namespace tier::sim
