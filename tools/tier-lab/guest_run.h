// One scenario through one guest: image, QEMU, record.
#pragma once

#include <string>

#include "tools/tier-lab/record.h"
#include "tools/tier-lab/scenario.h"

namespace tier::lab {

struct LabPaths {
  std::string build_folder;   // programs of the build
  std::string source_folder;  // tools/lib and tests/lab/scenarios
  std::string plugin;         // the counting plugin
  std::string agent;          // the first process of the guest
  std::string out_folder;     // console, events, image of this run
};

// Paths of the running tier-lab, from where its executable lies.
LabPaths find_paths();

// Folder of a cached kernel; fetched when it is not there. Errors: no such kernel, no network.
Result<std::string> kernel_folder(const LabPaths& paths, const std::string& version);

// Builds the image, boots and follows the run. With `verbose`, progress goes to stderr; programs of exec mode
// print on stdout. The record is filled even when the run fails, for whoever wants to look.
Result<> run_guest(const Scenario& scenario, const LabPaths& paths, RunRecord& record);

}  // namespace tier::lab
