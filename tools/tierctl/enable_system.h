// What `tierctl enable` needs of the machine it runs on.
#pragma once

#include <filesystem>

#include "tools/tierctl/enable.h"

namespace tier {

// "/" is the system that runs; below any other folder files are changed, and nothing is told to systemd or to
// the kernel.
EnableSystem real_enable_system(const std::filesystem::path& root);

}  // namespace tier
