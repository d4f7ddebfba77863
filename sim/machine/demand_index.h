// One interval's demand, indexed by region and summed by tier. Private to the machine.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "sim/machine/machine.h"

namespace tier::sim {

// Sums of one stream over the regions that lie on each tier; per interval.
struct StreamSums {
  PerTier waits{};    // misses a program waits for, stores by their share
  PerTier misses{};   // all of them
  PerTier traffic{};  // bytes
};

// Which tier each region of the workload lies on; kNowhere where not allocated.
using Placement = std::vector<std::int8_t>;

class DemandIndex {
 public:
  DemandIndex(const WorkloadInfo& info, const MachineDescription& machine);

  // Takes a new interval's demand and sums it up. O(regions with demand).
  void set(std::shared_ptr<const Demand> demand, const Placement& placement);
  const std::shared_ptr<const Demand>& demand() const { return demand_; }
  // Region `local` goes from one tier to another; either may be kNowhere. O(streams · log regions).
  void moved(std::uint32_t local, int from, int to);

  std::size_t streams() const { return sums_.size(); }
  const StreamSums& sums(std::size_t stream) const { return sums_[stream]; }
  // Of the stream's waited-for misses: in flight together, and hidden by prefetchers while these are in time.
  double parallelism(std::size_t stream) const { return parallelism_[stream]; }
  double hidden(std::size_t stream) const { return hidden_[stream]; }
  // Seconds that one waited-for miss costs at a loaded latency of the tier.
  double wait(std::size_t stream, std::size_t tier, double latency) const {
    return (latency - hidden_[stream] * std::min(latency, lead_[tier])) / parallelism_[stream];
  }
  // Latency up to which prefetchers come in time.
  double lead(std::size_t tier) const { return lead_[tier]; }
  // Null when the stream does not touch the region.
  const RegionDemand* find(std::size_t stream, std::uint32_t local) const;
  // The region at `share`, 0..1, of the stream's waited-for misses; the stream must have some.
  const RegionDemand& at(std::size_t stream, double share) const;
  // Most misses per waited-for miss of any of its regions: 1 for loads alone.
  double most_misses_per_wait(std::size_t stream) const { return most_misses_per_wait_[stream]; }
  double waits(const RegionDemand& demand) const { return demand.loads + store_wait_ * demand.stores; }

 private:
  double traffic(std::size_t stream, const RegionDemand& demand) const;
  void index_shares(std::size_t stream) const;

  double store_wait_;
  std::vector<double> parallelism_, hidden_, lines_per_load_;  // by stream
  PerTier lead_{};                                             // seconds
  std::shared_ptr<const Demand> demand_;
  std::vector<StreamSums> sums_;
  std::vector<std::vector<double>> running_;  // by stream: sum of waits up to and with each entry
  // By stream: with n entries, the one at which the search for a share of j/n begins; its end is near. Made
  // when somebody first asks: most intervals of an unwatched machine are not asked.
  mutable std::vector<std::vector<std::uint32_t>> guide_;
  std::vector<double> most_misses_per_wait_;
};

}  // namespace tier::sim
