// What the configuration names under [targets] and no process matches, in words: it says what was compared
// with what, since a misspelt name is told by nothing else.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "platform/api/process_table.h"
#include "tierd/daemon/target_set.h"

namespace tier {

// `seen`: what processes are called.
std::string unmatched_executable(const std::string& name, const std::set<std::string>& seen);
std::string unmatched_cgroup(const std::string& cgroup);
std::string unmatched_pid(Pid pid);

// The same for the processes that the table has now, without a daemon. Reads the names of at most 32,768 of
// them.
std::vector<std::string> unmatched_targets(const TargetSettings& settings, const ProcessTable& table);

}  // namespace tier
