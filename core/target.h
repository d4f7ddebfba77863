// A process we watch, or memory that several of them share.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/address_range.h"
#include "core/region.h"
#include "core/units.h"

namespace tier {

// Memory that every process which maps it sees alike: a file, a memfd, System V or POSIX shared memory, or
// shared anonymous memory, which the kernel backs by a file without a name. As /proc/PID/maps numbers it.
struct MemoryObject {
  std::uint64_t device = 0;  // major << 32 | minor
  std::uint64_t inode = 0;
  constexpr auto operator<=>(const MemoryObject&) const = default;
};

// Share of a target's CPU time that it spent on the CPUs of one node, 0..1.
struct NodeShare {
  NodeId node;
  double share = 0;
};

struct Target {
  TargetId id;
  Pid pid;
  std::uint64_t start_time =
      0;  // clock ticks after boot (proc(5) stat field 22): (pid, start_time) names one process for ever
  std::string name;    // base name of the file that runs
  std::string cgroup;  // path below the hierarchy root
  std::uint32_t uid = 0;
  Bytes resident;                     // when last described
  Nanoseconds user_time{};            // CPU time of all its threads in user mode, when last described
  std::vector<NodeId> allowed_nodes;  // cpuset.mems; never place pages outside
  std::string
      started_as;  // base name that it was started by (argv[0]): redis-server, where redis-check-rdb runs
  std::uint64_t program = 0;       // differs after exec, of the same file too; 0 where that cannot be told
  std::vector<NodeShare> runs_on;  // of late; empty: not known
  // Set when this stands for shared memory and not for a process: pid, start_time, name and cgroup are then
  // those of the process that has mapped it for longest, and addresses are offsets into the object.
  std::optional<MemoryObject> object;
  std::uint32_t mapped_by = 1;  // watched processes that map it
};

// One mapping of a target, as the kernel reports it.
struct Mapping {
  AddressRange range;
  bool readable = false, writable = false, executable = false, shared = false;
  Backing backing = Backing::kAnonymous;
  bool mlocked = false;
  bool own_policy = false;             // bound by the program itself (numa_maps policy other than default)
  std::string name;                    // file path, [heap], [stack], or empty
  std::optional<MemoryObject> object;  // whose pages it shows; none: its pages are this process's own
  std::uint64_t offset = 0;            // bytes into the object at range.start
};

// One process's view of pages that it shares with others.
struct ProcessView {
  Pid pid;
  std::uint64_t start_time = 0;  // of the process
  Address start = 0;             // where the range in question begins in its address space
  bool operator==(const ProcessView&) const = default;
};

}  // namespace tier
