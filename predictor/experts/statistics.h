// What the experts share: one pass over a snapshot's regions per tick gives the demand of each, its averages
// over several spans and its last ticks. A region that is not in the snapshot costs nothing; when it comes
// back, its averages have decayed by its absence and its ticks out of sight count as silent.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "predictor/experts/roster.h"

namespace tier {

// Weights of the newest tick, from averages over 2 to over 200 ticks. A factor of about three between
// neighbours: those between them would tell the same.
inline constexpr std::array<float, 5> kAverageRates = {0.4F, 0.12F, 0.05F, 0.02F, 0.005F};
inline constexpr std::size_t kPastTicks = 256;  // power of two

// Demand in eight bits, five of exponent and three of mantissa: 0, and 1 up to 4e9 accesses within 6.3 %,
// less than what sampling leaves open. Below 1 it is none.
std::uint8_t pack_demand(float demand);
float unpack_demand(std::uint8_t code);
extern const std::array<float, 256> kUnpackedDemand;

// Regions of one target: rows first to first + count - 1.
struct RowGroup {
  TargetId target;
  std::uint32_t first = 0, count = 0;
};

// Not thread-safe.
class RegionStatistics {
 public:
  void observe(const RegionSnapshot& snapshot);
  void forget_past();  // the last ticks become unknown; averages stay

  const Roster& roster() const { return roster_; }
  std::size_t size() const { return roster_.size(); }
  std::uint64_t ticks() const { return tick_; }  // observed so far
  std::span<const RowGroup> groups() const { return groups_; }

  // By row; accesses per tick.
  std::span<const float> demand() const { return demand_; }
  std::span<const float> average(std::size_t scale) const { return averages_[scale].values(); }
  // Share of the ticks in which the region was sampled, with the memory of the slowest average; 0..1.
  std::span<const float> touched() const { return touched_.values(); }
  // 1 where row + 1 is the region that follows in the address space, else 0.
  std::span<const float> adjacent() const { return adjacent_; }
  // Demand `back` ticks ago, below kPastTicks; 0 is the running tick.
  float past(std::size_t row, std::size_t back) const {
    return kUnpackedDemand[past_.row(row)[(tick_ - back) % kPastTicks]];
  }
  std::size_t past_known() const { return past_known_; }  // ticks of past() that are known, for any region

  double sample_weight() const { return samples_ > 0 ? sampled_ / samples_ : 0; }  // accesses per sample
  double mean_demand() const { return mean_; }  // of this tick's rows, accesses per second
  double touched_demand() const {
    return touched_mean_;
  }  // mean demand of a region in a tick that touched it
  std::size_t bytes_used() const;

 private:
  struct Absent {
    std::array<float, kAverageRates.size()> averages;
    float touched = 0;
    std::array<std::uint8_t, kPastTicks> past;
    std::uint64_t tick = 0;  // last one in the snapshot
  };
  void depart();
  void align();
  void arrive(const RegionSnapshot& snapshot);
  void return_from(const Absent& absent, std::uint32_t row, std::uint64_t known);
  void read(const RegionSnapshot& snapshot);
  void find_groups(const RegionSnapshot& snapshot);
  void fold();

  Roster roster_;
  std::vector<RowGroup> groups_;
  std::vector<float> demand_, evidence_, adjacent_;  // evidence: 1 / ticks known, as a least weight
  std::array<Column<float>, kAverageRates.size()> averages_;
  Column<float> touched_;
  Column<std::uint8_t> past_{kPastTicks};  // ring by tick
  std::vector<float> spare_;
  std::vector<std::uint8_t> spare_bytes_;
  std::unordered_map<RegionKey, Absent> absent_;
  std::uint64_t tick_ = 0;
  std::size_t past_known_ = 0;
  double sampled_ = 0, samples_ = 0;  // discounted sums of demand and of samples
  double mean_ = 0, touched_mean_ = 0;
};

}  // namespace tier
