// Kernel settings by their sysctl names.
#pragma once

#include <string>

#include "core/result.h"

namespace tier {

// "kernel.perf_event_paranoid" is the file /proc/sys/kernel/perf_event_paranoid below `root`. kFailed: there
// is none, or it holds no whole number.
Result<long> read_sysctl(const std::string& name, const std::string& root = "/");

// kPermission; kFailed.
Result<void> write_sysctl(const std::string& name, long value, const std::string& root = "/");

}  // namespace tier
