// What lying on a tier costs, when every access and every byte of traffic there slows the others down.
#pragma once

#include <algorithm>

#include "sim/machine/loaded_latency.h"
#include "sim/policies/need.h"

namespace tier::sim {

// As the machine is now, and as moves chosen since will have changed it.
class TierPrices {
 public:
  void read(const Machine& machine) {
    tiers_ = static_cast<std::size_t>(machine.tiers());
    for (std::size_t t = 0; t < tiers_; ++t) {
      const int tier = static_cast<int>(t);
      traffic_[t] = machine.traffic(tier);
      accesses_[t] = machine.stall_rate_of_tier(tier) / seconds(machine.loaded_latency(tier));
      price(machine.description(), t);
    }
  }
  // `need` per second of running time goes from one tier to the other.
  void shift(const MachineDescription& machine, const Need& need, double length, int from, int to) {
    for (const auto& [tier, sign] : {std::pair(from, -1.0), std::pair(to, 1.0)}) {
      const auto t = static_cast<std::size_t>(tier);
      traffic_[t] = std::max(0.0, traffic_[t] + sign * need.bytes / length);
      accesses_[t] = std::max(0.0, accesses_[t] + sign * need.accesses / length);
      price(machine, t);
    }
  }
  // Thread-seconds that the need costs on the tier: its own waiting, and what its traffic makes others wait.
  double cost(const Need& need, int tier) const {
    const auto t = static_cast<std::size_t>(tier);
    return need.accesses * latency_[t] + need.bytes * per_byte_[t];
  }

 private:
  void price(const MachineDescription& machine, std::size_t t) {
    const TierDescription& tier = machine.tiers[t];
    constexpr double kStep = 0.01;  // of the bandwidth, over which the curve's slope is taken
    const double unloaded = seconds(tier.latency), load = std::min(1.0, traffic_[t] / tier.bandwidth);
    latency_[t] = unloaded * load_factor(tier, load);
    const double low = std::max(0.0, load - kStep), high = load + kStep;
    const double slope = (load_factor(tier, high) - load_factor(tier, low)) / (high - low);
    per_byte_[t] = accesses_[t] * unloaded * slope / tier.bandwidth;
  }

  std::size_t tiers_ = 0;
  PerTier traffic_{}, accesses_{};  // per second
  PerTier latency_{}, per_byte_{};  // seconds; thread-seconds
};

}  // namespace tier::sim
