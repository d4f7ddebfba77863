// Bandwidth of memory by NUMA node, from the counters of the memory controllers.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "core/clock.h"
#include "platform/linux/meters/file_meters.h"
#include "platform/linux/sampling/hardware_events.h"

namespace tier {

struct PerfCount {
  std::uint64_t value = 0;
  Nanoseconds enabled{}, running{};
};

// An open perf event that counts.
class PerfCounter {
 public:
  virtual ~PerfCounter() = default;
  virtual Result<PerfCount> read() = 0;
};
using OpenPerfCounter =
    std::function<Result<std::unique_ptr<PerfCounter>>(const HardwareEncoding& event, int cpu)>;

// Of all programs on the CPU and of the kernel; perf_event_open(2).
Result<std::unique_ptr<PerfCounter>> open_perf_counter(const HardwareEncoding& event, int cpu);

// kMemoryRead and kMemoryWritten by NUMA node. A node is left out in a reading where one of its counters
// could not be read. kUnsupported, kPermission, kFailed: why there is none.
MeterResult make_uncore_meter(const Clock& clock, const std::string& root = "",
                              const OpenPerfCounter& open = open_perf_counter);

}  // namespace tier
