// Which capabilities this process holds, and what each is for.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tier {

struct CapabilityState {
  std::string name;  // "CAP_BPF", …
  bool held = false;
  std::string needed_for;
};

// One capability and what needs it.
struct CapabilityUse {
  int bit;  // of linux/capability.h
  const char* name;
  const char* needed_for;
  const char* option;  // of `tierctl enable`, which adds it to the unit; empty: the unit has it
};

// The one source for doctor, for the unit's CapabilityBoundingSet= and for the table in docs/operations.md.
const std::vector<CapabilityUse>& capability_table();

// One bit per capability, from CapEff of the text of /proc/PID/status (capabilities(7)); 0 when it is not
// there.
std::uint64_t effective_capabilities(const std::string& status_text);

// The ones of the unit, from CapEff of /proc/self/status (capabilities(7)); all not held when it cannot be
// read.
std::vector<CapabilityState> read_capabilities(const std::string& root = "/");

// The running kernel's release, uname(2).
std::string kernel_release();

}  // namespace tier
