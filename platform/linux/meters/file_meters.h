// Meters that are small text files of the kernel. `root`: "" but in tests.
#pragma once

#include <memory>
#include <string>

#include "core/clock.h"
#include "core/result.h"
#include "platform/api/meter.h"

namespace tier {

using MeterResult = Result<std::unique_ptr<Meter>>;

// Refaults, major faults, pages from swap and read-ahead of swap, of /proc/vmstat. kUnsupported: it has none.
MeterResult make_vmstat_meter(const Clock& clock, const std::string& root = "");

// Time that programs ran in user mode, by CPU, of /proc/stat: in steps of the kernel's clock tick (10 ms).
// kUnsupported: it tells of no CPU.
MeterResult make_cpu_meter(const Clock& clock, const std::string& root = "");

// Time that some task waited for memory and for I/O. kUnsupported: the kernel keeps no pressure.
MeterResult make_psi_meter(const Clock& clock, const std::string& root = "");

// Bytes read from block devices that have read-ahead (platform/linux/prefetch_machine.h), partitions not
// apart. A device made of others (device mapper, RAID, loop) counts beside them. kUnsupported: there is none.
MeterResult make_block_meter(const Clock& clock, const std::string& root = "");

// Traffic of last-level caches, of resctrl where it is mounted. kUnsupported: it is not, or the CPU does not
// monitor bandwidth.
MeterResult make_resctrl_meter(const Clock& clock, const std::string& root = "");

}  // namespace tier
