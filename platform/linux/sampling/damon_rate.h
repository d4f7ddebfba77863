// From "found accessed in h of n samplings, d seconds apart" to accesses per second. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/address_range.h"
#include "core/target.h"

namespace tier {

// One region in one aggregation.
struct DamonObservation {
  std::uint32_t hits = 0;  // samplings in which the region's page had been accessed
  std::uint32_t samplings = 0;
  double window = 0;  // seconds between two samplings: the accessed bit gathers over it
};

// Accesses per second of the page that DAMON looked at: -ln(1 - h/n) / d, from the longest window that is
// not saturated (it has seen the most), else the lower bound that the shortest one gives. 0 without
// observations.
double damon_rate(std::span<const DamonObservation> observations);

// The spans that DAMON is to watch in a process: `span` bytes each (a multiple of 2 MiB), clipped to what is
// mapped; at most `maximum` of them, for which spans grow. Sorted, not overlapping. Kernel-shared and
// unreadable mappings are left out.
std::vector<AddressRange> damon_spans(std::span<const Mapping> mappings, std::uint32_t maximum);

}  // namespace tier
