// A sample of regions by the hash of their keys, on which forecasts are scored: the same regions tick after
// tick, whatever their demand.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "predictor/experts/statistics.h"

namespace tier {

class Panel {
 public:
  // Members: all regions up to `least` of them; of more an eighth, but not fewer than `least` and not more
  // than `most`, give or take a factor of two.
  explicit Panel(std::size_t least = 256, std::size_t most = 1024) : least_(least), most_(most) {}

  // After the statistics have seen the snapshot.
  void update(const RegionStatistics& statistics);

  // Members in the running snapshot: their rows, ascending, and for each its slot. A region keeps its slot
  // while it is a member; a slot that fell free is not given again before all forecasts for it are due.
  std::span<const std::uint32_t> rows() const { return rows_; }
  std::span<const std::uint32_t> slots() const { return slots_of_rows_; }
  // By slot: the tick's demand; 0 for those that are not in the snapshot.
  std::span<const float> demand() const { return demand_; }
  std::size_t bytes_used() const;

 private:
  struct Freed {
    std::uint32_t slot = 0;
    std::uint64_t tick = 0;
  };
  void choose_share(std::size_t regions);
  void retire(std::uint32_t slot) { freed_.push_back({slot, tick_}); }
  std::uint32_t new_slot();

  std::size_t least_, most_;
  std::uint64_t mask_ = 0;  // members' hashes have none of these bits
  std::uint64_t tick_ = 0;
  Column<std::uint32_t> slot_;
  std::vector<std::uint32_t> spare_;
  std::vector<std::uint32_t> rows_, slots_of_rows_;
  std::vector<float> demand_;
  std::vector<Freed> freed_;  // oldest first
  std::size_t freed_from_ = 0;
};

}  // namespace tier
