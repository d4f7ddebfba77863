// An expert: one way to tell the demand of regions from what they did. The switch (predictor/switch.h) asks
// all of them and follows the best.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "core/forecast.h"
#include "predictor/experts/statistics.h"

namespace tier {

// The rows that are asked for: all of a snapshot's, some that follow each other, or some, ascending.
class Rows {
 public:
  static Rows all(std::size_t count) { return Rows(0, count, nullptr); }
  static Rows run(std::size_t first, std::size_t count) { return Rows(first, count, nullptr); }
  static Rows some(std::span<const std::uint32_t> list) { return Rows(0, list.size(), list.data()); }
  std::size_t size() const { return count_; }

  // out[j] = of(row of the j-th). Two loops, so that the one over a run of rows becomes vector code.
  template <typename Of>
  void fill(std::span<float> out, Of of) const {
    if (list_ == nullptr) {
      for (std::size_t j = 0; j < count_; ++j) out[j] = of(first_ + j);
    } else {
      for (std::size_t j = 0; j < count_; ++j) out[j] = of(static_cast<std::size_t>(list_[j]));
    }
  }

 private:
  Rows(std::size_t first, std::size_t count, const std::uint32_t* list)
      : first_(first), count_(count), list_(list) {}
  std::size_t first_, count_;
  const std::uint32_t* list_;
};

// Sees every tick once, in order. Not thread-safe.
class Expert {
 public:
  virtual ~Expert() = default;
  // `statistics` have seen the snapshot already.
  virtual void observe(const RegionSnapshot& /*snapshot*/, const RegionStatistics& /*statistics*/) {}
  // False: it has no forecast for this tick, be it that its time was up or that it is not yet begun. It is
  // left out then.
  virtual bool ready() const { return true; }
  // out[j]: mean demand per tick of the j-th of `rows` over the next kHorizons[horizon] ticks, not negative.
  // `out` is as long as `rows`.
  virtual void forecast(const RegionStatistics& statistics, std::size_t horizon, const Rows& rows,
                        std::span<float> out) const = 0;
  virtual void forget() {}                              // what was learnt no longer holds
  virtual std::size_t bytes_used() const { return 0; }  // heap memory besides the statistics
};

struct ExpertEntry {
  const char* name;
  const char* description;  // one sentence, for people
  std::function<std::unique_ptr<Expert>()> make;
};

// Every expert there is. A new one is one file and one line in table.cpp.
std::span<const ExpertEntry> expert_table();

}  // namespace tier
