// One interval's demand, indexed by region and summed by tier. Private to the machine.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "sim/machine/alias_table.h"
#include "sim/machine/machine.h"

namespace tier::sim {

// Sums of one stream over the regions that lie on each tier; per interval.
struct StreamSums {
  PerTier waits{};    // misses a program waits for, stores by their share
  PerTier misses{};   // all of them
  PerTier stores{};   // of them
  PerTier traffic{};  // bytes
};

// Who accesses one region, as draws yield it.
struct DemandedAccess {
  std::uint32_t region = 0;  // local
  std::uint16_t stream = 0, target = 0;
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
  // Share of the stream's loads that retire as misses of the last-level cache at a loaded latency of the
  // tier, 0..1. A line that a prefetcher fetched in time retires as a hit; one that is still on its way
  // counts by the part of its latency that is left to wait for.
  double demanded(std::size_t stream, std::size_t tier, double latency) const {
    return latency > 0 ? wait(stream, tier, latency) * parallelism_[stream] / latency : 1 - hidden_[stream];
  }
  // Latency up to which prefetchers come in time.
  double lead(std::size_t tier) const { return lead_[tier]; }
  // Null when the stream does not touch the region.
  const RegionDemand* find(std::size_t stream, std::uint32_t local) const;
  // The region at `share`, 0..1, of the stream's waited-for misses; the stream must have some.
  const RegionDemand& at(std::size_t stream, double share) const;
  DemandedAccess access(std::size_t stream, const RegionDemand& entry) const {
    return {entry.region, static_cast<std::uint16_t>(stream), target_[stream]};
  }
  // One of all loads, or stores, that miss, each alike; there must be some. `bits`: 64 random ones.
  DemandedAccess miss(bool store, std::uint64_t bits) const {
    const MissTable& table = misses_[store ? 1 : 0];
    if (table.shares.empty()) index_misses(store);
    return table.accesses[table.shares.pick(bits)];
  }
  double waits(const RegionDemand& demand) const { return demand.loads + store_wait_ * demand.stores; }

 private:
  double traffic(std::size_t stream, const RegionDemand& demand) const;
  void index_shares(std::size_t stream) const;
  void index_misses(bool store) const;

  double store_wait_;
  std::vector<double> parallelism_, hidden_, lines_per_load_;  // by stream
  PerTier lead_{};                                             // seconds
  std::shared_ptr<const Demand> demand_;
  std::vector<StreamSums> sums_;
  std::vector<std::vector<double>> running_;  // by stream: sum of waits up to and with each entry
  // By stream: with n entries, the one at which the search for a share of j/n begins; its end is near. Made
  // when somebody first asks: most intervals of an unwatched machine are not asked.
  mutable std::vector<std::vector<std::uint32_t>> guide_;
  struct MissTable {
    AliasTable shares;  // of the accesses
    std::vector<DemandedAccess> accesses;
  };
  mutable std::array<MissTable, 2> misses_;  // loads and stores; made when somebody first asks, as well
  std::vector<std::uint16_t> target_;        // by stream
};

}  // namespace tier::sim
