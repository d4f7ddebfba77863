// Runs a program under user-mode emulation with the recording plugin.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/result.h"

namespace tier::record {

struct RunPlan {
  std::vector<std::string> command;  // program and arguments as given
  std::string program;               // where the program's file is
  std::string qemu, plugin;
  std::string prefix;                    // of the plugin's files
  std::uint64_t interval = 100'000'000;  // instructions
  std::uint64_t most_periods = 0;        // the recording and the program end after so many; 0: never
  std::uint64_t llc_bytes = 1 << 20;
  std::uint32_t llc_ways = 16;
  std::uint64_t seed = 1;  // of the randomness that the emulator gives the program at its start
  double timeout_s = 0;    // wall seconds, 0: none
};

// Called every two seconds with the wall seconds since the start and the periods recorded so far.
using Progress = std::function<void(double, std::size_t)>;

// The emulator's path, fetched from a Debian package when it is not cached.
Result<std::string> find_qemu();

// The recording plugin: beside the program in the build folder, else where it is installed.
std::string find_plugin();

// Where a command's program lies: as given when that names a folder, else in PATH. Errors (kUsage): no
// command, not found, or a script, which the emulator does not start.
Result<std::string> find_program(const std::vector<std::string>& command);

// The CPU that programs see: every feature that the emulator has, but for fast string instructions, of which
// the emulator makes one iteration a byte while real ones take a line a cycle: without them the C library
// copies by vectors.
inline constexpr const char* kCpu = "max,-erms,-fsrm";

// Runs the program to its end with our own standard streams. Errors: it cannot start, it fails, it takes
// longer than the time limit, which ends it, or it leaves processes running.
Result<void> run_program(const RunPlan& plan, const Progress& progress);

}  // namespace tier::record
