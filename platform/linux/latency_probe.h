// Loaded latency of each node by a dependent pointer chase.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "platform/api/machine.h"

namespace tier {

struct LatencyProbeSettings {
  // Memory bound to each node, allocated at the first measurement. The chase visits each cache line of it
  // once before it repeats, so a line is long evicted when it is visited again: with 4,096 steps a
  // measurement (below) a line returns after 64 measurements, by which time the programs' own accesses have
  // replaced it. Small, because it lives in the fast tier too.
  Bytes buffer = 16_MiB;
  // At 100 to 500 ns each: 0.4 to 2 ms of CPU per measurement.
  std::uint32_t steps = 4096;
};

// Not thread-safe. Holds one buffer per node ever measured.
class LinuxLatencyProbe final : public LatencyProbe {
 public:
  explicit LinuxLatencyProbe(LatencyProbeSettings settings = {});
  ~LinuxLatencyProbe() override;

  // kFailed when the node is offline, has no free memory for the buffer or may not be used by this process;
  // never waits for reclaim and never causes an out-of-memory kill. The first call for a node also fills the
  // buffer (tens of milliseconds).
  Result<Nanoseconds> measure(NodeId node) override;
  Nanoseconds cost() const override { return cost_; }

 private:
  class Chase;
  Result<Chase*> chase_on(NodeId node);

  LatencyProbeSettings settings_;
  std::map<NodeId, std::unique_ptr<Chase>> chases_;
  Nanoseconds cost_{};
};

}  // namespace tier
