// From DAMON's region events to one rate per span and round: which aggregation was measured at which
// interval.
#pragma once

#include <map>
#include <vector>

#include "bpf/events.h"
#include "core/access_sample.h"
#include "core/address_range.h"
#include "platform/linux/sampling/damon_rate.h"

namespace tier {

// Not thread-safe.
class DamonRounds {
 public:
  explicit DamonRounds(std::uint32_t samplings_per_aggregation) : samplings_(samplings_per_aggregation) {}

  // Counting began anew at `time`.
  void begin(Nanoseconds time);
  void add(const tier_damon_region& event);

  struct SpanRate {
    std::uint32_t target_index = 0;
    AddressRange span;
    double rate = 0;  // accesses per second of the page that was looked at
  };
  // All 2 MiB pieces of regions seen since the last call. DAMON splits and merges regions between
  // aggregations.
  std::vector<SpanRate> take();

 private:
  struct Batch {  // the regions of one target in one aggregation arrive together
    Nanoseconds begin{}, end{};
    std::vector<tier_damon_region> regions;
  };
  void close(std::uint32_t target_index, Batch& batch);
  // When the counting began that ended at `end`, after the aggregation at `before`.
  Nanoseconds counting_since(Nanoseconds before, Nanoseconds end) const;

  std::uint32_t samplings_;
  std::vector<Nanoseconds> beginnings_;
  std::map<std::uint32_t, Batch> open_;        // by target
  std::map<std::uint32_t, Nanoseconds> last_;  // end of the aggregation before
  std::map<std::pair<std::uint32_t, Address>, std::vector<DamonObservation>> seen_;  // by target and piece
};

}  // namespace tier
