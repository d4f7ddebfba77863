// Files that the configuration names, or takes as they came with tierd: read as the daemon would read them.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "tierd/config/config.h"

namespace tier {

// Fails with "policy.model: …" or "prefetch.registers: …" where a file that would be used is missing, damaged
// or not for this version. The daemon runs on without such a file and says so; a check of the configuration
// refuses it.
Result<void> check_named_files(const Config& config);

// What [targets] names and no process of this machine matches now, a sentence for each.
std::vector<std::string> unmatched_now(const Config& config);

}  // namespace tier
