// The machine's nodes, their loaded latency, pressure, and what we ourselves use.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/topology.h"
#include "core/units.h"

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
  virtual Nanoseconds cost() const = 0;  // CPU time of all measurements so far
};

class PressureReader {
 public:
  virtual ~PressureReader() = default;
  virtual std::optional<double> memory_some_avg10() const = 0;  // PSI, percent
  virtual std::optional<double> cpu_some_avg10()
      const = 0;  // PSI, percent of time a runnable task waited for a CPU
};

struct SelfUsage {
  Nanoseconds cpu{};  // user + system of this process since start
  Bytes resident;
};

class SelfMeter {
 public:
  virtual ~SelfMeter() = default;
  virtual SelfUsage usage() const = 0;
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
