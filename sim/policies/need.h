// What the oracles know of the future: how much a workload's regions will ask for.
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "sim/machine/machine.h"
#include "sim/workload.h"

namespace tier::sim {

struct Need {
  // Serialised accesses: thread-seconds of waiting per second of latency. All of them, and those that
  // prefetchers hide while they come in time (PrefetchDescription::lead).
  double accesses = 0, hidden = 0;
  double bytes = 0;  // of traffic

  double waited() const { return accesses - hidden; }  // where nothing is loaded
};

// Adds an interval's needs, `times` over, to regions from `offset` on.
void add_needs(const MachineDescription& machine, const WorkloadInfo& info, const Demand& demand,
               double times, Region offset, std::vector<Need>& needs);

// The sum over all of the workloads' intervals, by the global index of the machine that will run them.
Result<std::vector<Need>> all_needs(const MachineDescription& machine,
                                    const std::vector<WorkloadFactory>& workloads);

// The next intervals of one workload.
class LookAhead {
 public:
  LookAhead(std::unique_ptr<Workload> workload, Region offset)
      : workload_(std::move(workload)), offset_(offset) {}
  // Sees `count` intervals from number `first` on, or as many as there are; first never falls. True: they ask
  // for something else than what was seen before.
  bool move(std::uint64_t first, std::size_t count);
  // What the intervals number `begin` to `end` of those it sees ask for.
  void add(const MachineDescription& machine, std::size_t begin, std::size_t end,
           std::vector<Need>& needs) const;
  std::uint64_t first() const { return first_; }
  std::size_t size() const { return window_.size(); }
  const WorkloadInfo& info() const { return workload_->info(); }

 private:
  std::unique_ptr<Workload> workload_;
  Region offset_;
  std::uint64_t first_ = 0;
  bool ended_ = false;
  std::deque<std::shared_ptr<const Demand>> window_;
};

}  // namespace tier::sim
