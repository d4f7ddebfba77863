// From recordings to traces: what a program's misses ask of memory, and how long it computes besides.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "core/result.h"
#include "sim/trace/trace.h"
#include "tools/tier-record/recording.h"

namespace tier::record {

// The machine that a recording is timed for: counts are exact, times are a reference.
struct Reference {
  // 2.5 GHz at one instruction a cycle: a server core's base clock, and about what memory-bound programs
  // reach between their misses.
  double instructions_per_second = 2.5e9;
  Nanoseconds latency{80};  // of local DRAM
  // How many random load misses of a thread are in flight together, as far as the program's dependences
  // allow: 1 for a walk along pointers, about 8 where addresses are known ahead (line fill buffers: 10 to
  // 16).
  double parallelism = 4;
  double store_wait = 0.3;  // share of a store miss that is waited for, as sim::MachineDescription has it
};

// Sequential misses: prefetchers bring most in time (those of a page's first lines are counted as random),
// and what they do not bring is known ahead.
inline constexpr double kPrefetchable = 0.9;
inline constexpr double kSequentialParallelism = 8;

struct Trace {
  sim::TraceHeader header;
  std::vector<sim::Interval> intervals;
};

// Region numbers (address >> lab::kRegionShift) of every target, and their indexes: by target, then address.
class RegionIndex {
 public:
  void add(std::uint32_t target, std::uint64_t region) { indexes_[{target, region}] = 0; }
  void number();  // once all are added
  std::uint32_t size() const { return static_cast<std::uint32_t>(indexes_.size()); }
  std::uint32_t of(std::uint32_t target, std::uint64_t region) const { return indexes_.at({target, region}); }
  // Appends events for regions of a target, ascending; neighbours share one.
  void append_events(sim::RegionChange change, std::uint32_t target,
                     const std::vector<std::uint64_t>& regions, std::vector<sim::RegionEvent>& events) const;

 private:
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint32_t> indexes_;
};

// Seconds that a target's threads together wait in one interval, on the reference machine.
double reference_stall(const Reference& reference, const std::vector<sim::RegionDemand>& demand,
                       const sim::Stream& stream);

// One target for each process, two streams for each target, one interval for each period of the program. The
// processes run side by side: a child's first period is the one in which it was forked. A region is allocated
// with its first miss and released when all of it has been unmapped. `name` is the workload's.
Trace trace_of(const std::vector<Process>& processes, const std::string& name, const Reference& reference);

Result<void> write_trace(const Trace& trace, const std::filesystem::path& path);

struct Summary {
  std::size_t intervals = 0, regions = 0, targets = 0;
  double misses = 0, stores = 0, sequential = 0;  // of all misses: those by stores, those that were predicted
  double compute_s = 0, duration_s = 0;           // on the reference machine
};
Summary summary_of(const Trace& trace);

}  // namespace tier::record
