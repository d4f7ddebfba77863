// Which pages of another process are present, as /proc/PID/pagemap says
// (Documentation/admin-guide/mm/pagemap.rst). Unlike move_pages(2) it also shows pages that NUMA balancing
// has marked. Each question takes the process's mmap lock for a short while.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/address_range.h"
#include "platform/linux/file.h"

namespace tier {

// struct pm_scan_arg of linux/fs.h (Linux 6.7), which older headers lack.
struct PagemapScanArgument {
  std::uint64_t size = 0, flags = 0, start = 0, end = 0, walk_end = 0, vec = 0, vec_len = 0, max_pages = 0,
                category_inverted = 0, category_mask = 0, category_anyof_mask = 0, return_mask = 0;
};
// struct page_region of linux/fs.h.
struct PagemapRegion {
  std::uint64_t start = 0, end = 0, categories = 0;
};

// One PAGEMAP_SCAN: fills the regions and walk_end; returns how many regions were filled, or -errno.
using PagemapScan = std::function<int(PagemapScanArgument&, std::span<PagemapRegion>)>;

// The pages of `range` (page-aligned) that `scan` calls present, as ascending ranges that neither touch nor
// overlap. Pure but for `scan`; an answer that makes no sense is an error, never an endless loop.
// The kernel's walk_end may lie before the end of the last region it returned, so the walk goes on from
// whichever of both is later: no page is lost and none is told twice.
Result<std::vector<AddressRange>> scan_present(AddressRange range, const PagemapScan& scan);

// Appends the present pages among `entries`, the pagemap's words for the pages from `start` on.
void append_present(std::span<const std::uint64_t> entries, Address start, std::uint64_t page_size,
                    std::vector<AddressRange>& ranges);

// Belongs to the address space that the process had when this was opened: after exec or exit every range is
// empty or an error. Not thread-safe.
class Pagemap {
 public:
  // kPermission without CAP_SYS_PTRACE for a process of others.
  static Result<Pagemap> open(Pid pid, const std::string& root = "/");

  // Pages of `range` that are in the process's page tables and in memory: ascending ranges that neither touch
  // nor overlap, cut to `range` rounded outwards to whole pages. Swapped pages are not among them. By
  // PAGEMAP_SCAN where the kernel has it (6.7), else 8 bytes per page. The process's mmap lock is held for at
  // most 64 MiB of the range at a time.
  Result<std::vector<AddressRange>> present(AddressRange range);

  // Reads entries even where PAGEMAP_SCAN exists.
  void use_entries() { scan_ = false; }
  bool scans() const { return scan_; }  // false from the first refusal of PAGEMAP_SCAN on

 private:
  Pagemap(UniqueFd fd, std::string path, std::uint64_t page_size)
      : fd_(std::move(fd)), path_(std::move(path)), page_size_(page_size) {}
  Result<std::vector<AddressRange>> scan(AddressRange range);
  Result<std::vector<AddressRange>> read_entries(AddressRange range) const;

  UniqueFd fd_;
  std::string path_;
  std::uint64_t page_size_;
  bool scan_ = true;
};

}  // namespace tier
