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
  // (process_madvise(2), MADV_WILLNEED). Ranges of whole pages, ascending, none empty. Bytes that the kernel
  // took. kUnsupported: a kernel before 5.10; kPermission; kFailed: the process has gone, or nothing is
  // mapped there.
  virtual Result<Bytes> will_need(Pid, std::span<const AddressRange>) = 0;
};

}  // namespace tier
