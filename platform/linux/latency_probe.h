// Loaded latency of each node by a dependent pointer chase.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "platform/api/machine.h"

namespace tier {

struct LatencyProbeSettings {
  // Memory kept on each node, as far as it is to be had. Every visited line is flushed from the caches again
  // (clflush), so this need not exceed the last-level cache; it only has to be large enough that no row
  // buffer or prefetcher helps. Small, because it lives in the fast tier too.
  Bytes buffer = 4_MiB;
  // At 100 to 500 ns each: 0.1 to 0.5 ms of CPU per measurement, the median of sixteen parts, which readings
  // of later ticks smooth. Fewer where there are more than four nodes.
  std::uint32_t steps = 1024;
};

// Not thread-safe. Keeps memory on each node measured since the last rest, see ProbeMemory.
class LinuxLatencyProbe final : public LatencyProbe {
 public:
  explicit LinuxLatencyProbe(LatencyProbeSettings settings = {});
  ~LinuxLatencyProbe() override;

  // kFailed when the node is offline, has no page to spare or may not be used by this process. Never waits
  // for reclaim, never causes an out-of-memory kill, and no allocation of it fails aloud. The first call for
  // a node takes some milliseconds more; a node that was full is tried again by later calls.
  Result<Nanoseconds> measure(NodeId node) override;
  Result<Nanoseconds> measure_from(std::span<const int> cpus, NodeId node) override;
  Result<Bytes> bandwidth(std::span<const int> cpus, NodeId node) override;
  void rest() override;
  Nanoseconds cost() const override { return cost_; }

 private:
  class Chase;
  Result<Chase*> chase_on(NodeId node);
  std::uint32_t steps() const;

  LatencyProbeSettings settings_;
  std::map<NodeId, std::unique_ptr<Chase>> chases_;
  Nanoseconds cost_{};
};

}  // namespace tier
