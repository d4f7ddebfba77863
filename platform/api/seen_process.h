// A process as a cheap look shows it: enough to know it again and to see whether it can matter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/units.h"

namespace tier {

struct SeenProcess {
  Pid pid;
  std::uint64_t start_time = 0;  // as Target::start_time
  std::uint64_t program = 0;     // as Target::program
  // Differs once its owner, its cgroup or its allowed nodes are others, or its first thread has ended. 0:
  // cannot be told.
  std::uint64_t properties = 0;
  // Processes with the same value are in the same cgroups; 0: cannot be told.
  std::uint64_t group = 0;
  std::string file;  // base name of the file that runs; empty: not known
  std::string comm;  // the kernel's name of its first thread, which the program may set
  Bytes resident;
  Nanoseconds user_time{};
  // CPU time in user and kernel mode to the nanosecond; none: known only roughly.
  std::optional<Nanoseconds> run_time;
};

}  // namespace tier
