#include "sim/machine/demand_index.h"

#include <algorithm>

namespace tier::sim {

DemandIndex::DemandIndex(const WorkloadInfo& info, const MachineDescription& machine)
    : store_wait_(machine.store_wait), sums_(info.streams.size()), running_(info.streams.size()) {
  for (const Stream& stream : info.streams) {
    const double hidden = machine.prefetch.on ? stream.prefetchable : 0;
    serialised_.push_back((1 - hidden) / stream.parallelism);
    lines_per_load_.push_back(1 + hidden * machine.prefetch.extra_traffic);
  }
}

// A store that misses reads the line for ownership and writes it back later.
double DemandIndex::traffic(std::size_t stream, const RegionDemand& demand) const {
  return kLineBytes * (lines_per_load_[stream] * demand.loads + 2 * demand.stores);
}

void DemandIndex::set(std::shared_ptr<const Demand> demand, const Placement& placement) {
  demand_ = std::move(demand);
  for (std::size_t s = 0; s < sums_.size(); ++s) {
    StreamSums sums;
    const auto& entries = demand_->streams[s];
    auto& running = running_[s];
    running.resize(entries.size());
    double total = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const double waited = waits(entries[i]);
      running[i] = total += waited;
      const int tier = placement[entries[i].region];
      if (tier < 0) continue;
      const auto t = static_cast<std::size_t>(tier);
      sums.waits[t] += waited;
      sums.misses[t] += entries[i].loads + entries[i].stores;
      sums.traffic[t] += traffic(s, entries[i]);
    }
    sums_[s] = sums;
  }
}

void DemandIndex::moved(std::uint32_t local, int from, int to) {
  for (std::size_t s = 0; s < sums_.size(); ++s) {
    const RegionDemand* entry = find(s, local);
    if (entry == nullptr) continue;
    const auto add = [&](int tier, double sign) {
      if (tier < 0) return;
      const auto t = static_cast<std::size_t>(tier);
      // Rounding must not leave a trace below zero where everything has left a tier.
      sums_[s].waits[t] = std::max(0.0, sums_[s].waits[t] + sign * waits(*entry));
      sums_[s].misses[t] = std::max(0.0, sums_[s].misses[t] + sign * (entry->loads + entry->stores));
      sums_[s].traffic[t] = std::max(0.0, sums_[s].traffic[t] + sign * traffic(s, *entry));
    };
    add(from, -1);
    add(to, 1);
  }
}

const RegionDemand* DemandIndex::find(std::size_t stream, std::uint32_t local) const {
  if (demand_ == nullptr) return nullptr;
  const auto& entries = demand_->streams[stream];
  if (entries.empty() || local < entries.front().region) return nullptr;
  // Most streams touch one stretch without gaps: there the place is known.
  const std::size_t guess = local - entries.front().region;
  if (guess < entries.size() && entries[guess].region == local) return &entries[guess];
  const auto found = std::lower_bound(entries.begin(), entries.end(), local,
                                      [](const RegionDemand& e, std::uint32_t r) { return e.region < r; });
  return found != entries.end() && found->region == local ? &*found : nullptr;
}

const RegionDemand& DemandIndex::at(std::size_t stream, double share) const {
  const auto& running = running_[stream];
  const auto found = std::upper_bound(running.begin(), running.end(), share * running.back());
  const auto i = static_cast<std::size_t>(found - running.begin());
  return demand_->streams[stream][std::min(i, running.size() - 1)];
}

}  // namespace tier::sim
