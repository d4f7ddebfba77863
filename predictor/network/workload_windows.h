// What a workload is like, tick by tick and over windows of ticks: how busy, how concentrated, how steady,
// how neighbours and seasons go together. The context encoder's view of the last minute.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/region.h"
#include "predictor/experts/statistics.h"

namespace tier {

inline constexpr std::size_t kWorkloadNumbers = 16;
inline constexpr std::size_t kWindowTicks = 16, kWindows = 4;

using WorkloadNumbers = std::array<float, kWorkloadNumbers>;
const std::array<const char*, kWorkloadNumbers>& workload_number_names();

// Of one tick, after `statistics` have seen the snapshot. Looks at no more than 1024 rows, in blocks of 64.
// Numbers lie about -1..3; all zero where no region is listed.
WorkloadNumbers describe_tick(const RegionSnapshot& snapshot, const RegionStatistics& statistics);

// Means over the latest ticks. Not thread-safe.
class WorkloadWindows {
 public:
  void add(const WorkloadNumbers& tick);
  void forget();  // what went before tells nothing of what comes

  // Newest first: the last kWindowTicks ticks, those before, and so on, as far as they are known whole; the
  // first may be of fewer ticks, at least four.
  std::vector<WorkloadNumbers> windows() const;
  std::uint64_t ticks() const { return ticks_; }  // known

 private:
  std::array<WorkloadNumbers, kWindows * kWindowTicks> ring_{};
  std::uint64_t ticks_ = 0, at_ = 0;
};

}  // namespace tier
