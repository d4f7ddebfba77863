// Which processes exist, what they are, and what they have mapped.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/target.h"
#include "platform/api/seen_process.h"

namespace tier {

// Holds one process identity and the address space it had when opened. alive() turns false, for good, at
// exit and at exec, and never answers for a later process that reuses the number. Thread-safe.
class ProcessHandle {
 public:
  virtual ~ProcessHandle() = default;
  virtual bool alive() const = 0;
};

// What a process is called.
struct ProcessNames {
  std::string file;        // base name of the file that runs
  std::string started_as;  // base name that it was started by; the program may have changed it since
};

// How mappings are read, and what of them cannot be known.
struct MappingsAccount {
  std::string interface;        // empty: says nothing
  std::string why;              // it is not the cheapest one; empty when it is
  std::uint64_t left_out = 0;   // processes whose policies and locks are not known
  std::string left_out_reason;  // why, and what that means for them; empty when there are none
};

class ProcessTable {
 public:
  virtual ~ProcessTable() = default;

  virtual Result<std::vector<Pid>> list() const = 0;

  // Identity and properties; Target::id is left 0. kFailed when it does not exist, kPermission when it may
  // not be read.
  virtual Result<Target> describe(Pid) const = 0;

  // The part of it that is cheap and enough to know a process again. These three are answered from describe()
  // where nothing cheaper is known.
  virtual Result<SeenProcess> glance(Pid) const;
  // Target::name and Target::started_as; empty where they cannot be read.
  virtual ProcessNames names(Pid) const;
  // Paths of its cgroups, in the hierarchy that accounts memory and in the second version's where they
  // differ.
  virtual std::vector<std::string> cgroups_of(Pid) const;

  // Processes of a cgroup (path below the root, v2 or v1 memory controller) and its descendants.
  virtual Result<std::vector<Pid>> in_cgroup(const std::string& path) const = 0;

  // Mappings that tierd may manage or must know of, sorted by address; kernel-only ranges ([vvar],
  // [vsyscall]) left out.
  virtual Result<std::vector<Mapping>> mappings(Pid) const = 0;

  // The same for one process identity: kFailed also where the number belongs to another process by now.
  virtual Result<std::vector<Mapping>> mappings_of(const Target& target) const {
    return mappings(target.pid);
  }

  virtual MappingsAccount mappings_account() const { return {}; }

  // A value that changes when the mappings may have changed (cheap); 0 = cannot tell.
  virtual std::uint64_t mappings_version(Pid) const = 0;

  // kFailed when the process is gone or its start time differs (the number was reused).
  virtual Result<std::unique_ptr<ProcessHandle>> open(Pid, std::uint64_t start_time) const = 0;

  virtual Bytes base_page_size() const = 0;  // of this machine; asked, never assumed
};

inline Result<SeenProcess> ProcessTable::glance(Pid pid) const {
  return describe(pid).map([](const Target& target) {
    SeenProcess seen;
    seen.pid = target.pid;
    seen.start_time = target.start_time;
    seen.program = target.program;
    seen.file = target.name;
    seen.comm = target.name;
    seen.resident = target.resident;
    seen.user_time = target.user_time;
    return seen;
  });
}

inline ProcessNames ProcessTable::names(Pid pid) const {
  const auto target = describe(pid);
  return target ? ProcessNames{target->name, target->started_as} : ProcessNames{};
}

inline std::vector<std::string> ProcessTable::cgroups_of(Pid pid) const {
  const auto target = describe(pid);
  return target ? std::vector{target->cgroup} : std::vector<std::string>{};
}

}  // namespace tier
