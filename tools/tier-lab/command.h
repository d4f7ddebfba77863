// Runs a host program and captures what it prints.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"

namespace tier::lab {

// Standard output of the program; fails when it cannot run or exits non-zero, with the end of its output in
// the message. `quiet` drops its standard error.
Result<std::string> capture(const std::vector<std::string>& command, bool quiet = false);

}  // namespace tier::lab
