#include "sim/policies/need.h"

#include <algorithm>

namespace tier::sim {

void add_needs(const MachineDescription& machine, const WorkloadInfo& info, const Demand& demand,
               double times, Region offset, std::vector<Need>& needs) {
  for (std::size_t s = 0; s < demand.streams.size(); ++s) {
    const double hidden = machine.prefetch.on ? info.streams[s].prefetchable : 0;
    const double serial = times / info.streams[s].parallelism;
    const double lines = times * (1 + hidden * machine.prefetch.extra_traffic);
    for (const RegionDemand& cell : demand.streams[s]) {
      Need& need = needs[offset + cell.region];
      const double accesses = serial * (cell.loads + machine.store_wait * cell.stores);
      need.accesses += accesses;
      need.hidden += accesses * hidden;
      need.bytes += kLineBytes * (lines * cell.loads + times * 2 * cell.stores);
    }
  }
}

Result<std::vector<Need>> all_needs(const MachineDescription& machine,
                                    const std::vector<WorkloadFactory>& workloads) {
  std::vector<Need> needs;
  for (const WorkloadFactory& open : workloads) {
    auto workload = TIER_TRY(open());
    const auto offset = static_cast<Region>(needs.size());
    std::shared_ptr<const Demand> same;
    double times = 0;
    while (true) {
      auto interval = TIER_TRY(workload->next());
      needs.resize(offset + workload->info().regions);
      if (interval && interval->demand == same) {
        ++times;
        continue;
      }
      if (same) add_needs(machine, workload->info(), *same, times, offset, needs);
      if (!interval) break;
      same = interval->demand;
      times = 1;
    }
  }
  return needs;
}

bool LookAhead::move(std::uint64_t first, std::size_t count) {
  const auto before = window_;
  for (; first_ < first && !window_.empty(); ++first_) window_.pop_front();
  while (!ended_ && (first_ < first || window_.size() < count)) {
    auto interval = workload_->next();
    // What cannot be read cannot be run either: the machine tells.
    if (!interval || !*interval) {
      ended_ = true;
    } else if (first_ < first) {
      ++first_;
    } else {
      window_.push_back((*interval)->demand);
    }
  }
  return window_ != before;
}

void LookAhead::add(const MachineDescription& machine, std::size_t begin, std::size_t end,
                    std::vector<Need>& needs) const {
  end = std::min(end, window_.size());
  for (std::size_t i = begin; i < end;) {
    std::size_t same = 1;
    while (i + same < end && window_[i + same] == window_[i]) ++same;
    add_needs(machine, info(), *window_[i], static_cast<double>(same), offset_, needs);
    i += same;
  }
}

}  // namespace tier::sim
