// The machine's nodes, their loaded latency, pressure, and what we ourselves use.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/topology.h"
#include "core/units.h"
#include "platform/api/meter.h"

namespace tier {

class TopologyReader {
 public:
  virtual ~TopologyReader() = default;
  virtual Result<std::vector<NumaNode>> nodes() const = 0;  // firmware facts where the kernel shows them
};

// Time of one serialised load from memory of a node, under the present load.
class LatencyProbe {
 public:
  virtual ~LatencyProbe() = default;
  virtual Result<Nanoseconds> measure(NodeId) = 0;
  // The same from one of these CPUs, where the calling thread runs meanwhile. kUnsupported where a probe
  // measures from one place alone; kPermission where the process may use none of the CPUs.
  virtual Result<Nanoseconds> measure_from(std::span<const int> /*cpus*/, NodeId) {
    return fail(ErrorKind::kUnsupported, "latency is measured from one place alone");
  }
  // Bytes per second that these CPUs together read from the node: a lower bound of what it delivers, since
  // few CPUs, or busy ones, cannot draw more. Bounded to some milliseconds and some megabytes.
  virtual Result<Bytes> bandwidth(std::span<const int> /*cpus*/, NodeId) {
    return fail(ErrorKind::kUnsupported, "bandwidth is not measured");
  }
  // No measurement is expected soon: memory that is kept for them goes back. The next one takes longer.
  virtual void rest() {}
  virtual Nanoseconds cost() const = 0;  // CPU time of all measurements so far
};

struct MemoryPressure {
  std::optional<double> some, full;  // percent
};

// The kernel's own averages over ten seconds.
class PressureReader {
 public:
  virtual ~PressureReader() = default;
  // Percent of time in which some task, or all of them at once, waited for memory (PSI).
  virtual MemoryPressure memory_avg10() const = 0;
  virtual std::optional<double> cpu_some_avg10()
      const = 0;  // PSI, percent of time a runnable task waited for a CPU
};

// Bytes per second read from and written to one node's memory.
struct NodeTraffic {
  NodeId node;
  double bytes_per_second = 0;
};

// Figures of the machine as a whole. None where it has no such sensor or what it says makes no sense; never 0
// for that.
struct MachineReadings {
  std::optional<double> power;        // watts, all CPU packages together
  std::optional<double> temperature;  // degrees Celsius, the hottest CPU package
  std::optional<double> refaults;     // pages per second that came back soon after their eviction
  // By the counters of the memory controllers, of every node that has any; empty where nothing counts.
  std::vector<NodeTraffic> memory_traffic;
  // Bytes per second between the last-level caches and the memory that the CPUs call their own, and all
  // other.
  std::optional<double> local_bandwidth, remote_bandwidth;
};

class MetricReader {
 public:
  virtual ~MetricReader() = default;
  // Rates are over the time since the last call; the first has none.
  virtual MachineReadings read() = 0;
  // The meters that its figures may come from; empty where it has none.
  virtual std::vector<MeterDecision> meters() const { return {}; }
};

struct SelfUsage {
  Nanoseconds cpu{};  // user + system of this process since start
  Bytes resident;
};

class SelfMeter {
 public:
  virtual ~SelfMeter() = default;
  virtual SelfUsage usage() const = 0;
  virtual Nanoseconds thread_cpu() const = 0;  // user + system of the calling thread since its start
};

// Others that move pages on this machine. Reported, never fought.
struct Rival {
  std::string name;    // "kernel NUMA balancing (tiering mode)", "DAMON (kdamond 0)", "numad", …
  std::string advice;  // what the admin may do
};

class RivalFinder {
 public:
  virtual ~RivalFinder() = default;
  virtual std::vector<Rival> find() const = 0;
};

}  // namespace tier
