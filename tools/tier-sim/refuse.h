// How a command of tier-sim ends where something is wrong.
#pragma once

#include <iostream>

#include "core/result.h"
#include "tierd/cli/command_line.h"

namespace tier::sim {

// Says what is wrong; the exit code.
inline int refuse(const Error& error) {
  std::cerr << "tier-sim: " << error_text(error) << "\n";
  return static_cast<int>(error.kind);
}

}  // namespace tier::sim
