// Counters of memory controllers that the kernel offers as perf events: which, on which CPU, and what one
// count stands for. One explicit table.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "platform/api/meter.h"
#include "platform/linux/sampling/hardware_events.h"

namespace tier {

struct UncoreEvent {
  std::string name;  // "uncore_imc_0/cas_count_read"
  Signal signal{};   // kMemoryRead or kMemoryWritten
  std::uint32_t node = 0;
  HardwareEncoding encoding;
  int cpu = 0;       // that it is opened on
  double bytes = 0;  // of one count
};

// All of them or none: a channel that is left out would look like less traffic. kUnsupported: this machine
// has no such counters. kFailed: they are not understood; the message names the file.
Result<std::vector<UncoreEvent>> find_uncore_events(const std::string& root);

}  // namespace tier
