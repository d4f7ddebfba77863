// Loaded latency of each node by a dependent pointer chase.
#pragma once

#include <cstdint>
#include <map>
#include <memory>

#include "platform/api/machine.h"

namespace tier {

struct LatencyProbeSettings {
  // Memory kept on each node, allocated at the first measurement. Every visited line is flushed from the
  // caches again (clflush), so this need not exceed the last-level cache; it only has to be large enough that
  // no row buffer or prefetcher helps. Small, because it lives in the fast tier too.
  Bytes buffer = 4_MiB;
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
