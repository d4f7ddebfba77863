// What the recording plugin wrote about each process of a program, parsed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/address_range.h"
#include "core/result.h"
#include "tools/tier-lab/plugin/region_table.h"

namespace tier::record {

struct RegionCounts {
  std::uint64_t region = 0;  // virtual address >> lab::kRegionShift
  lab::KindMisses misses;
};

// A range that a system call mapped, or unmapped or emptied.
struct MappingChange {
  bool mapped = false;
  AddressRange range;
};

struct Period {
  std::uint64_t instructions = 0;
  std::uint64_t longest = 0;  // instructions of the thread that ran most
  // Random load misses, and how often one came more than a reorder buffer's length after the one that opened
  // the last window.
  std::uint64_t window_loads = 0, windows = 0;
  std::vector<RegionCounts> regions;
  std::vector<MappingChange> mappings;  // in order
};

struct Process {
  int pid = 0;
  int parent = 0;              // pid of the recorded process that forked it; 0 for the program itself
  std::uint64_t born = 0;      // periods from the program's start to the fork
  std::uint64_t interval = 0;  // instructions
  std::uint64_t llc_bytes = 0;
  std::uint32_t llc_ways = 0;
  bool ended = false;  // by exit or by the limit on periods, not by a signal
  std::vector<Period> periods;
};

// Takes one line into the process. Errors (kFailed) quote the line.
Result<void> accept_line(const std::string& line, Process& into);

// Reads PREFIX.PID of all processes, the program itself first, then by birth. A process that was killed may
// have left half a line, which does not count; one without a period is left out, but for the program itself.
// Errors: no file, more than one program, bad lines.
Result<std::vector<Process>> read_recording(const std::string& prefix);

}  // namespace tier::record
