// What the daemon would see of a workload, tick by tick, and what the truth was.
//
// Workloads run on the reference machine of the generators (sim/workloads/pattern.h) at their recorded pace;
// nothing is moved. Stall sampling is modelled as a Poisson count per region about its true demand.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/node_context.h"
#include "core/region.h"
#include "core/result.h"
#include "sim/workload.h"

namespace tier::sim {

struct DatasetSettings {
  Nanoseconds tick = std::chrono::seconds(1);
  double samples_per_second =
      500;                        // over all threads; not more than 250 per running thread, the kernel's tick
  double fast_share = 0.125;      // of the memory; what is allocated first lies there and is always listed
  std::uint32_t listed_for = 32;  // ticks after its last sample that a region stays in the snapshot
  // Loaded latencies of the fast and of the slow tier over the reference machine's: samples are of time
  // waited, so that many more show what lies on a slow tier.
  double fast_latency = 1, slow_latency = 1;
  std::uint64_t seed = 1;  // of the sampling
  std::size_t most_ticks = 100'000;
};

struct DatasetTick {
  RegionSnapshot snapshot;
  std::vector<std::uint32_t> regions;  // of the snapshot's rows: indexes into demand
  std::vector<float>
      demand;  // true, by region: serialised accesses per second in this tick; kNotHeld where not allocated
};
inline constexpr float kNotHeld = -1;

struct Dataset {
  std::uint32_t regions = 0;  // of all workloads, one behind the other
  NodeContext node;           // the same in every tick
  std::vector<DatasetTick> ticks;
};

// The same bytes each time, on any machine. A tick begun when the last workload ends is left out. kUsage: no
// tick at all. Other errors are the workloads' own.
Result<Dataset> make_dataset(const std::vector<WorkloadFactory>& workloads, const DatasetSettings& settings);

// The specification with another seed in each generator, from which other data follow; 0 changes nothing.
// Recordings stay what they are.
std::string with_seed(const std::string& spec, std::uint64_t seed);

}  // namespace tier::sim
