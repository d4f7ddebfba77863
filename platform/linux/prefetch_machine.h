// Reads PrefetchMachine from procfs and sysfs.
#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "platform/api/prefetch_machine.h"

namespace tier {

// Whole block devices by name, those that are memory (ram, zram) left out: they have no use for read-ahead.
std::vector<BlockDevice> read_block_devices(const std::string& root = "");

// Below `root` for tests. kFailed: the online CPUs or their descriptions make no sense; what else does not is
// left out.
Result<PrefetchMachine> read_prefetch_machine(const std::string& root = "");

// Time asleep is what CLOCK_BOOTTIME counts and CLOCK_MONOTONIC does not (clock_gettime(2)). kFailed as
// above.
Result<MachineState> read_machine_state(const std::string& root = "");

// 36 characters that are other ones after each boot. kFailed: procfs has none.
Result<std::string> read_boot_id(const std::string& root = "");

}  // namespace tier
