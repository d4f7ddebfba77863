// What several CPUs together read from one node's memory, in a moment. Private to the probes.
#pragma once

#include <span>
#include <vector>

#include "core/result.h"
#include "core/units.h"

namespace tier {

struct BandwidthReading {
  Nanoseconds cpu{};  // that all threads used
};

// Bytes per second: the best of a few passes, in each of which every CPU reads its part of the pages once
// from memory, all at the same time. At most kMostReaders threads, 32 MiB for 4 MiB of pages and some
// milliseconds each. kFailed where the pages are too few to show anything, or where the CPUs are so busy that
// their threads do not come to run together.
Result<Bytes> read_bandwidth(const std::vector<Address>& pages, std::span<const int> cpus,
                             BandwidthReading& reading);

}  // namespace tier
