#include "sim/machine/demand_index.h"

#include <algorithm>

namespace tier::sim {

DemandIndex::DemandIndex(const WorkloadInfo& info, const MachineDescription& machine)
    : store_wait_(machine.store_wait),
      sums_(info.streams.size()),
      running_(info.streams.size()),
      guide_(info.streams.size()) {
  for (const Stream& stream : info.streams) {
    const double hidden = machine.prefetch.on ? stream.prefetchable : 0;
    parallelism_.push_back(stream.parallelism);
    hidden_.push_back(hidden);
    target_.push_back(static_cast<std::uint16_t>(stream.target));
    lines_per_load_.push_back(1 + hidden * machine.prefetch.extra_traffic);
  }
  for (std::size_t t = 0; t < std::min(machine.tiers.size(), kMostTiers); ++t)
    lead_[t] = machine.prefetch.lead * seconds(machine.tiers[t].latency);
}

// A store that misses reads the line for ownership and writes it back later.
double DemandIndex::traffic(std::size_t stream, const RegionDemand& demand) const {
  return kLineBytes * (lines_per_load_[stream] * demand.loads + 2 * demand.stores);
}

void DemandIndex::set(std::shared_ptr<const Demand> demand, const Placement& placement) {
  demand_ = std::move(demand);
  for (MissTable& table : misses_) table.shares.clear();
  for (std::size_t s = 0; s < sums_.size(); ++s) {
    StreamSums sums;
    const auto& entries = demand_->streams[s];
    auto& running = running_[s];
    running.resize(entries.size());
    double total = 0;
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const double waited = waits(entries[i]);
      running[i] = total += waited;
      const std::int8_t tier = placement[entries[i].region];
      if (tier < 0) continue;
      const std::size_t t = static_cast<std::uint8_t>(tier);
      sums.waits[t] += waited;
      sums.misses[t] += entries[i].loads + entries[i].stores;
      sums.stores[t] += entries[i].stores;
      sums.traffic[t] += traffic(s, entries[i]);
    }
    sums_[s] = sums;
    guide_[s].clear();
  }
}

void DemandIndex::index_shares(std::size_t stream) const {
  const auto& running = running_[stream];
  auto& guide = guide_[stream];
  guide.resize(running.size());
  std::uint32_t at = 0;
  for (std::size_t j = 0; j < guide.size(); ++j) {
    const double share = static_cast<double>(j) / static_cast<double>(guide.size());
    while (at + 1 < running.size() && running[at] <= share * running.back()) ++at;
    guide[j] = at;
  }
}

void DemandIndex::index_misses(bool store) const {
  MissTable& table = misses_[store ? 1 : 0];
  std::vector<double> weights;
  table.accesses.clear();
  for (std::size_t stream = 0; stream < demand_->streams.size(); ++stream)
    for (const RegionDemand& entry : demand_->streams[stream]) {
      const double weight = store ? entry.stores : entry.loads;
      if (weight <= 0) continue;
      table.accesses.push_back(access(stream, entry));
      weights.push_back(weight);
    }
  table.shares.build(weights);
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
      sums_[s].stores[t] = std::max(0.0, sums_[s].stores[t] + sign * entry->stores);
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
  if (guide_[stream].empty()) index_shares(stream);
  const auto& running = running_[stream];
  const auto& guide = guide_[stream];
  const auto place = static_cast<std::size_t>(share * static_cast<double>(guide.size()));
  std::size_t i = guide[std::min(place, guide.size() - 1)];
  while (i + 1 < running.size() && running[i] <= share * running.back()) ++i;
  return demand_->streams[stream][i];
}

}  // namespace tier::sim
