// Options of `fit` that other commands share.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "tools/tier-train/fit.h"

namespace tier::sim {

struct FitArguments {
  FitSettings settings;
  bool no_recordings = false, plain = false;
  std::vector<std::string> without;  // feature groups
  std::string horizons = "even";
};

// Data, steps, threads: what any training needs.
void add_training_options(CLI::App* command, FitArguments& arguments);
// Of the network, its context and its hypernetwork.
void add_shape_options(CLI::App* command, FitArguments& arguments);

// The settings once the options are parsed; recordings are looked for below the working folder. kUsage: no
// such feature group or weighing of horizons.
Result<void> conclude(FitArguments& arguments);

// Every fourth of the recordings, by name: for commands that judge by what was not learnt from, where the
// user does not say what that is.
std::vector<std::string> left_out_by_default(const std::vector<std::string>& recordings);

// The folder, made if it is not there. kFailed.
Result<void> make_folder(const std::filesystem::path& folder);

}  // namespace tier::sim
