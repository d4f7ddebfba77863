// Which regions the running snapshot has, and which rows of the last one they continue. All per-region state
// of the experts lies in columns in the snapshot's order: neighbours in memory are neighbours in the address
// space, and every loop runs over contiguous numbers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/region.h"

namespace tier {

class Roster {
 public:
  // Rows that stay together: row `from` of the last tick is row `to` of this one.
  struct Run {
    std::uint32_t from = 0, to = 0, count = 0;
  };

  // The snapshot's regions are sorted by key.
  void update(const RegionSnapshot& snapshot);

  std::size_t size() const { return keys_.size(); }
  const RegionKey& key(std::size_t row) const { return keys_[row]; }
  bool unchanged() const { return arrived_.empty() && left_.empty(); }
  std::span<const Run> runs() const { return runs_; }
  std::span<const std::uint32_t> arrived() const { return arrived_; }  // rows of this tick, ascending
  std::span<const std::uint32_t> left() const { return left_; }        // rows of the last tick, ascending
  const RegionKey& last_key(std::size_t row) const { return last_[row]; }
  std::size_t bytes_used() const;

 private:
  void extend(std::uint32_t from, std::uint32_t to);

  std::vector<RegionKey> keys_, last_;
  std::vector<Run> runs_;
  std::vector<std::uint32_t> arrived_, left_;
};

// One or several numbers per row, brought in line with the roster once per tick.
template <typename T>
class Column {
 public:
  explicit Column(std::size_t width = 1) : width_(width) {}

  // New rows get `fresh`. `spare` is any buffer; it takes the place of the old rows, so that all columns of
  // one type share one.
  void align(const Roster& roster, T fresh, std::vector<T>& spare) {
    if (roster.unchanged() && values_.size() == roster.size() * width_) return;
    spare.resize(roster.size() * width_);
    for (const Roster::Run& run : roster.runs())
      std::copy_n(values_.begin() + static_cast<std::ptrdiff_t>(run.from * width_), run.count * width_,
                  spare.begin() + static_cast<std::ptrdiff_t>(run.to * width_));
    for (const std::uint32_t row : roster.arrived())
      std::fill_n(spare.begin() + static_cast<std::ptrdiff_t>(row * width_), width_, fresh);
    values_.swap(spare);
  }

  T* data() { return values_.data(); }
  const T* data() const { return values_.data(); }
  std::span<const T> values() const { return values_; }
  std::span<T> row(std::size_t row) { return {values_.data() + row * width_, width_}; }
  std::span<const T> row(std::size_t row) const { return {values_.data() + row * width_, width_}; }
  std::size_t bytes_used() const { return values_.capacity() * sizeof(T); }

 private:
  std::size_t width_;
  std::vector<T> values_;
};

}  // namespace tier
