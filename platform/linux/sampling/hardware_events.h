// The hardware's memory sampling events: which PMU, which encoding. One explicit table.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/access_sample.h"
#include "core/result.h"

namespace tier {

// One perf event to open on every CPU.
struct HardwareEncoding {
  std::uint32_t type = 0;  // perf_event_attr.type
  std::uint64_t config = 0, config1 = 0, config2 = 0;
  std::uint32_t precise = 0;        // perf_event_attr.precise_ip
  std::uint64_t leader_config = 0;  // not 0: an auxiliary event of the same PMU that must lead the group
  AccessType access = AccessType::kUnknown;
};

struct HardwareEvent {
  std::string name;  // "PEBS mem-loads", "IBS op", …
  std::vector<HardwareEncoding> encodings;
  bool has_latency = false;  // perf's sample weight is cycles of the access
};

// The first of the table that this machine's sysfs (below `root`) offers. kUnsupported, naming what was
// looked for.
Result<HardwareEvent> find_hardware_event(const std::string& root);

// Puts the terms of an event alias ("event=0xcd,umask=0x1,ldlat=3") where the PMU's format files say
// ("config:0-7", "config1:0-15"). `pmu_directory`: /sys/bus/event_source/devices/NAME. kFailed when a term
// has no format.
Result<HardwareEncoding> encode_alias(const std::string& pmu_directory, const std::string& alias_text);

}  // namespace tier
