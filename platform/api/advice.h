// Advice to the kernel about another process's memory.
#pragma once

#include <span>

#include "core/address_range.h"
#include "core/result.h"
#include "core/units.h"

namespace tier {

class PageAdvisor {
 public:
  virtual ~PageAdvisor() = default;
  // The ranges will be used soon: the kernel begins to read in what of them is in files or in swap
  // (process_madvise(2), MADV_WILLNEED), and maps nothing. Ranges of whole pages, ascending, none empty.
  // `start_time` as in Target: a later process with the same number is not advised. Bytes that the kernel
  // took; parts that are not mapped are passed over. kUnsupported: a kernel before 5.15; kPermission;
  // kFailed: the process has gone, or nothing of it all is mapped. It may wait while the device's queue is
  // full.
  virtual Result<Bytes> will_need(Pid, std::uint64_t start_time, std::span<const AddressRange>) = 0;
};

}  // namespace tier
