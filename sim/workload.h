// What programs ask of memory, interval by interval, whatever the machine: the common tongue of traces,
// generators and the simulated machine.
//
// A workload is tier-neutral. It says how many last-level misses each region gets and how the processor can
// overlap them, and how long the programs compute besides; how long an interval then takes is the machine's
// answer.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/region.h"
#include "core/result.h"
#include "core/units.h"

namespace tier::sim {

struct WorkloadTarget {
  std::string name;
  double threads = 1;  // that run at the same time; waits and computation spread evenly over them
};

// Accesses of one target that the processor handles alike.
struct Stream {
  std::string name;          // for people: "hot set", "sequential", "chase"
  std::uint32_t target = 0;  // index into WorkloadInfo::targets
  double parallelism = 1;    // memory-level parallelism: its misses in flight together per thread, >= 1
  double prefetchable = 0;   // share of its misses that hardware prefetchers, when on, fetch in time, 0..1
};

struct WorkloadInfo {
  std::string name;
  Bytes region_size = kDefaultRegionSize;
  Nanoseconds interval = std::chrono::seconds(1);  // nominal length, see Interval::duration
  std::uint32_t regions = 0;                       // indexes run from 0 to below this
  std::vector<WorkloadTarget> targets;
  std::vector<Stream> streams;
};

enum class RegionChange : std::uint8_t { kAllocate, kRelease };

// `count` regions from index `first` on, which lie one behind the other from `address` on.
struct RegionEvent {
  RegionChange change{};
  std::uint32_t target = 0;
  std::uint32_t first = 0, count = 0;
  Address address = 0;  // of the first; aligned to the region size
  PageKind pages = PageKind::kUnknown;

  bool operator==(const RegionEvent&) const = default;
};

// Last-level misses of one region in one stream and interval; fractions come from samples.
struct RegionDemand {
  std::uint32_t region = 0;
  float loads = 0, stores = 0;
  float stall = 0;  // seconds waited on the machine where it was recorded; 0 where not known

  bool operator==(const RegionDemand&) const = default;
};

struct Demand {
  // By stream, as many as the workload has; each sorted by region, no region twice.
  std::vector<std::vector<RegionDemand>> streams;

  bool operator==(const Demand&) const = default;
};

// One step of work. Allocations and releases happen at its start; allocated regions are touched, in order of
// index. Only allocated regions have demand.
struct Interval {
  Nanoseconds duration{};       // on the machine where it was recorded, or for which it was made
  std::vector<double> compute;  // per target: thread-seconds that do not wait for memory
  std::vector<RegionEvent> events;
  // Never null. Intervals that ask the same share it, so that a still phase costs nothing to simulate.
  std::shared_ptr<const Demand> demand;
};

// Not thread-safe.
class Workload {
 public:
  virtual ~Workload() = default;
  virtual const WorkloadInfo& info() const = 0;
  // None at the end. Errors are for good: what came before them is whole.
  virtual Result<std::optional<Interval>> next() = 0;
};

// Opens the same workload from its start, each time: simulations and the oracle's look ahead need their own.
using WorkloadFactory = std::function<Result<std::unique_ptr<Workload>>()>;

}  // namespace tier::sim
