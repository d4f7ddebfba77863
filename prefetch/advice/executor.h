// Advises what of a region is not there, and looks later whether it was used: acts and decides nothing.
#pragma once

#include <optional>
#include <vector>

#include "core/target.h"
#include "platform/api/advice.h"
#include "platform/api/pages.h"
#include "prefetch/advice/planner.h"

namespace tier {

struct Advised {
  RegionKey key;
  std::vector<AddressRange> ranges;  // that were not in the page table
  Bytes bytes;                       // that the kernel took; 0 where all was there
};

// References must outlive it.
class AdviceExecutor {
 public:
  AdviceExecutor(const PageLocator& locator, PageAdvisor& advisor, Bytes page)
      : locator_(locator), advisor_(advisor), page_(page) {}

  // Errors as of PageAdvisor; kFailed also where the process's pages may not be asked for.
  Result<Advised> advise(const Target& target, const AdviceWish& wish);
  // Bytes that are in the page table by now, hence were used: advice reads in and maps nothing. A fault maps
  // up to 16 pages around it where they are in memory (Linux fault_around_bytes, 64 KiB), so of files this is
  // as fine as 64 KiB. None: the process cannot be asked.
  std::optional<Bytes> used(const Target& target, const Advised& advised) const;

 private:
  std::vector<Address> pages_of(AddressRange range) const;

  const PageLocator& locator_;
  PageAdvisor& advisor_;
  Bytes page_;
};

}  // namespace tier
