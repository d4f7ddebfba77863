// How fast programs allocate, and what their new memory is worth to those that are watched.
#pragma once

#include <map>
#include <span>
#include <unordered_map>
#include <vector>

#include "core/plan.h"
#include "core/topology.h"
#include "tierd/policy/policy.h"

namespace tier {

// By node: what its free space lost beyond our own moves. Not thread-safe.
class AllocationMeter {
 public:
  // Once per look, `passed` seconds after the last one, with the reports of the moves finished since.
  void look(const SystemState& system, std::span<const MigrationReport> reports, double passed);
  // Halves per quiet second, rises at once.
  std::vector<NodeAllocation> rates() const;
  double allocated() const { return allocated_; }  // bytes since the look before the last one, on all nodes

 private:
  struct Entry {
    double free = 0;        // bytes at the last look
    double per_second = 0;  // bytes
  };
  std::map<NodeId, Entry> entries_;
  double allocated_ = 0;
};

// New memory of watched programs, by how they grow and by the samples in what they filled lately. Not
// thread-safe.
class NewMemoryMeter {
 public:
  // Once per look, likewise. `allocated`: bytes that all programs took, see AllocationMeter.
  void look(double allocated, std::span<const Target> targets, double passed);
  // Once per tick.
  void tick(const RegionSnapshot& snapshot);
  NewMemory worth() const;

 private:
  struct Held {
    Bytes resident, most;  // at the last tick, ever since it was first looked at
  };
  std::unordered_map<TargetId, Held> held_;
  NewMemory lately_;                           // its sums alone
  double fresh_bytes_ = 0, fresh_demand_ = 0;  // discounted, byte-seconds and accesses
};

}  // namespace tier
