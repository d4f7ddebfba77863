// A place for each region's past, which stays where it is while rows of the snapshot move: bringing rows in
// line costs four bytes a row and not the history.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "predictor/experts/roster.h"
#include "predictor/network/aligned.h"

namespace tier {

// Not thread-safe.
class HistoryPool {
 public:
  explicit HistoryPool(std::size_t floats) : floats_(floats) {}

  // Once per tick, with every roster in turn. Histories of regions that left end; so do all, if a roster was
  // missed.
  void align(const Roster& roster);
  std::size_t rows() const { return slots_.size(); }

  struct Opened {
    float* data = nullptr;    // `floats` of them; what they hold is undefined where known is 1
    std::uint64_t known = 0;  // ticks of history, this one included
  };
  Opened open(std::size_t row);  // begins a history where there is none
  void end(std::size_t row);     // the next open() begins anew
  void end_all();
  void next_tick() { ++tick_; }
  std::uint64_t tick() const { return tick_; }
  std::size_t bytes_used() const;

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  static constexpr std::size_t kPage = 1024;  // histories allocated together; they never move

  void release(std::uint32_t& slot);
  void add_page();

  std::size_t floats_;
  std::uint64_t tick_ = 0;
  std::vector<std::uint32_t> slots_, spare_;  // by row
  std::vector<std::uint32_t> free_;           // the last is given out first
  std::vector<std::uint64_t> first_tick_;     // by slot
  std::vector<AlignedFloats> pages_;
};

}  // namespace tier
