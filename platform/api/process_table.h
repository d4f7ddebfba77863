// Which processes exist, what they are, and what they have mapped.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/target.h"

namespace tier {

// Holds one process identity and the address space it had when opened. alive() turns false, for good, at
// exit and at exec, and never answers for a later process that reuses the number. Thread-safe.
class ProcessHandle {
 public:
  virtual ~ProcessHandle() = default;
  virtual bool alive() const = 0;
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

}  // namespace tier
