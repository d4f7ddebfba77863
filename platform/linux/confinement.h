// What around this process takes from what it may see or do: namespaces, its cpuset, kernel lockdown.
#pragma once

#include <string>
#include <vector>

#include "core/units.h"

namespace tier {

// One such thing; `reason` says what was found and what it means, `fix` what the operator can do.
struct Confinement {
  std::string name;
  bool limits = false;
  std::string reason, fix;
};

// Nodes on which this process may allocate: cpuset.mems of its cgroup, as /proc/self/status has it. Pages
// that it moves are allocated in its name, so it can move none to other nodes. Empty when not known.
std::vector<NodeId> own_memory_nodes(const std::string& root = "");

// Every kind, in a fixed order, whether it limits or not. `root`: where /proc and /sys are looked for.
std::vector<Confinement> read_confinement(const std::string& root = "");

}  // namespace tier
