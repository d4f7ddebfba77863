// A process we watch.
#pragma once

#include <string>
#include <vector>

#include "core/address_range.h"
#include "core/region.h"
#include "core/units.h"

namespace tier {

struct Target {
  TargetId id;
  Pid pid;
  std::uint64_t start_time =
      0;  // clock ticks after boot (proc(5) stat field 22): (pid, start_time) names one process for ever
  std::string name;    // executable's base name
  std::string cgroup;  // path below the hierarchy root
  std::uint32_t uid = 0;
  Bytes resident;                     // when last described
  Nanoseconds user_time{};            // CPU time of all its threads in user mode, when last described
  std::vector<NodeId> allowed_nodes;  // cpuset.mems; never place pages outside
};

// One mapping of a target, as the kernel reports it.
struct Mapping {
  AddressRange range;
  bool readable = false, writable = false, executable = false, shared = false;
  Backing backing = Backing::kAnonymous;
  bool mlocked = false;
  bool own_policy = false;  // bound by the program itself (numa_maps policy other than default)
  std::string name;         // file path, [heap], [stack], or empty
};

}  // namespace tier
