// What lying on a tier costs, when every access and every byte of traffic there slows the others down.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include "sim/machine/loaded_latency.h"
#include "sim/policies/need.h"

namespace tier::sim {

// As the machine is now, and as moves chosen since will have changed it.
class TierPrices {
 public:
  // As the machine is now, where each region asks for `needs` in `length(region)` seconds.
  template <typename Length>
  void read(const Machine& machine, const std::vector<Need>& needs, Length length) {
    rates_.fill({});
    for (Region region = 0; region < machine.regions(); ++region)
      if (const int tier = machine.tier_of(region); tier != kNowhere)
        add(static_cast<std::size_t>(tier), needs[region], 1 / length(region));
    for (std::size_t t = 0; t < static_cast<std::size_t>(machine.tiers()); ++t) {
      // Traffic that no need explains: migration, and what others use.
      rates_[t].bytes = machine.traffic(static_cast<int>(t));
      price(machine.description(), t);
    }
  }
  // `need` in `length` seconds of running time goes from one tier to the other.
  void shift(const MachineDescription& machine, const Need& need, double length, int from, int to) {
    add(static_cast<std::size_t>(from), need, -1 / length);
    add(static_cast<std::size_t>(to), need, 1 / length);
    price(machine, static_cast<std::size_t>(from));
    price(machine, static_cast<std::size_t>(to));
  }
  // Thread-seconds that the need costs on the tier: its own waiting, and what its traffic makes others wait.
  double cost(const Need& need, int tier) const {
    const auto t = static_cast<std::size_t>(tier);
    return need.accesses * latency_[t] - need.hidden * std::min(latency_[t], lead_[t]) +
           need.bytes * per_byte_[t];
  }

 private:
  void add(std::size_t tier, const Need& need, double times) {
    Need& rate = rates_[tier];
    rate.accesses = std::max(0.0, rate.accesses + times * need.accesses);
    rate.hidden = std::max(0.0, rate.hidden + times * need.hidden);
    rate.bytes = std::max(0.0, rate.bytes + times * need.bytes);
  }

  void price(const MachineDescription& machine, std::size_t t) {
    const TierDescription& tier = machine.tiers[t];
    constexpr double kStep = 0.01;  // of the bandwidth, over which the curve's slope is taken
    const double unloaded = seconds(tier.latency), load = std::min(1.0, rates_[t].bytes / tier.bandwidth);
    latency_[t] = unloaded * load_factor(tier, load);
    lead_[t] = machine.prefetch.lead * unloaded;
    const double low = std::max(0.0, load - kStep), high = load + kStep;
    const double slope = (load_factor(tier, high) - load_factor(tier, low)) / (high - low);
    // What one more second of latency costs all who wait there.
    const double waiting = latency_[t] > lead_[t] ? rates_[t].accesses : rates_[t].waited();
    per_byte_[t] = waiting * unloaded * slope / tier.bandwidth;
  }

  std::array<Need, kMostTiers> rates_{};     // per second
  PerTier latency_{}, lead_{}, per_byte_{};  // seconds; seconds; thread-seconds
};

}  // namespace tier::sim
