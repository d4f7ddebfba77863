// How fast programs allocate on each node: what its free space lost beyond our own moves.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "core/plan.h"
#include "core/topology.h"
#include "tierd/policy/policy.h"

namespace tier {

// Not thread-safe.
class AllocationMeter {
 public:
  // Once per tick, with the reports of the moves finished since the last call.
  void tick(const SystemState& system, std::span<const MigrationReport> reports);
  // Halves per quiet tick, rises at once.
  std::vector<NodeAllocation> rates() const;

 private:
  struct Entry {
    double free = 0;      // bytes at the last tick
    double per_tick = 0;  // bytes
  };
  std::map<NodeId, Entry> entries_;
};

}  // namespace tier
