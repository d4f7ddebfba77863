// Which memory is worth reading in ahead of need: decides and calls nothing.
#pragma once

#include <cstdint>
#include <set>
#include <unordered_map>
#include <vector>

#include "core/forecast.h"
#include "core/plan.h"

namespace tier {

struct AdvicePlannerSettings {
  // Expected share of a region's pages that are used within the next 4 ticks, 0..1: one that is hardly
  // touched is not worth reading in whole.
  double least_touched = 0.25;
  // Wait of a fault that reads from a device; 100 µs is a random read of flash. It scales all benefits alike.
  Nanoseconds fault = std::chrono::microseconds(100);
  std::size_t remembered = 16384;  // regions of anonymous memory whose size is known: 48 bytes each
};

// A region some of which is not in memory and will be wanted.
struct AdviceWish {
  RegionKey key;
  AddressRange range;
  Bytes missing;         // about
  StallSeconds benefit;  // of the faults that will not wait; readahead of the kernel's own is not counted
};

class AdvicePlanner {
 public:
  // `page`: base page size.
  explicit AdvicePlanner(Bytes page, AdvicePlannerSettings settings = {})
      : page_(page), settings_(settings) {}

  // Best first, as many as `budget` lasts for, the last one whole; none of `taken`. Of files all that is not
  // mapped is missing, of other memory what it once held and holds no more: what was never written is nowhere
  // to be read from.
  std::vector<AdviceWish> plan(const RegionSnapshot& snapshot, const ForecastSet& forecasts,
                               const std::set<RegionKey>& taken, Bytes budget);

 private:
  struct Held {
    Bytes most;
    std::uint64_t tick = 0;  // last seen
  };
  Bytes missing(const Region& region, std::uint64_t tick);
  void forget_old(std::uint64_t tick);

  Bytes page_;
  AdvicePlannerSettings settings_;
  std::unordered_map<RegionKey, Held> held_;
};

}  // namespace tier
