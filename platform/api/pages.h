// Where pages are, and moving them. Thin over move_pages(2): value and errno come back together, partial
// success is a result.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/units.h"

namespace tier {

// The kernel said nothing about this page: it stops writing statuses at the first page it cannot migrate
// (value > 0) or at a failed call. Locate it to learn where it is.
inline constexpr int kStatusUnknown = std::numeric_limits<int>::min();

// The page is resident, but the kernel hides its place: see MarkedPages. The kernel itself never says this.
inline constexpr int kStatusMarked = std::numeric_limits<int>::min() + 1;

// Outcome of one move_pages(2) call. `value` as the man page: 0 all done, >0 number of pages not moved
// (Linux 4.17), -1 see error_number.
struct PageCall {
  long value = 0;
  int error_number = 0;
  std::vector<int> status;  // per page, same order: node >= 0, -errno, or kStatusUnknown
};

class PageLocator {
 public:
  virtual ~PageLocator() = default;
  // Which node holds each page (address rounded down to its page). -ENOENT: nothing resident there;
  // -EFAULT: not mapped, or the shared zero page, or (Linux 6.1) nothing ever resident near there. On the
  // kernels that MarkedPages names both may also mean that the page is marked. Whole-call errors: ESRCH,
  // EPERM. Thread-safe.
  virtual PageCall locate(Pid, std::span<const Address> pages) const = 0;
};

// Which pages a call may move.
enum class PageSharing {
  kOwn,     // those that no other process maps
  kShared,  // all: they move under everyone who maps them, whatever nodes these may use
};

// Outcome of reading one byte of each of some pages.
struct UnmarkCall {
  std::uint64_t read = 0;  // pages of which a byte could be read
  int error_number = 0;    // of the last read that failed: EPERM, ESRCH, EFAULT
};

// Pages that NUMA balancing has marked: it takes the access rights from their page table entries, and the
// next access tells it who uses them. Linux 6.1 to 6.4 hides such pages from move_pages(2), which calls small
// ones absent (-ENOENT) and huge ones not mapped (-EFAULT) and moves neither, also after NUMA balancing was
// switched off, until something touches them. Thread-safe.
class MarkedPages {
 public:
  virtual ~MarkedPages() = default;
  // False: no page is hidden here, since this kernel hides none or has marked none since it booted. Cheap.
  virtual bool possible() const = 0;
  // For pages that locate() calls -ENOENT or -EFAULT, in the same order: whether they are marked. A swapped
  // page, an untouched one and the shared zero page are not. kPermission, kFailed (the process is gone).
  virtual Result<std::vector<bool>> find(Pid, std::span<const Address> pages) const = 0;
  // Makes pages visible by reading a byte of each; one page of a huge one makes the whole visible. Ask for
  // marked pages only: a swapped one would come back on the reader's node. A page stays on its node.
  virtual UnmarkCall unmark(Pid, std::span<const Address> pages) = 0;
};

// Pages of a pool that an administrator sets apart for each node (hugetlbfs(5)). They move only into free
// pages of the same size of the other node's pool.
struct PooledPages {
  Bytes size;
  std::uint64_t free = 0;  // of that size on the node that was asked for
  std::string remedy;      // how to have more of them there
};

class PagePools {
 public:
  virtual ~PagePools() = default;
  // None: the page at that address is not of a pool, or that cannot be told.
  virtual std::optional<PooledPages> at(Pid, Address, NodeId) const = 0;
};

class PageMover {
 public:
  virtual ~PageMover() = default;
  // Moves the pages to `to`. For a transparent huge page one address inside moves the whole; a second
  // address inside the same one gets -EBUSY although the page moves. -EACCES: another process
  // maps it too, and kOwn was asked for or tierd lacks CAP_SYS_NICE.
  // Whole-call errors: ENOMEM (node full; earlier pages of the call may have moved), ESRCH, EPERM, ENODEV
  // (no such node), EACCES (node outside the target's cpuset). Thread-safe; may block for the copy.
  virtual PageCall move(Pid, std::span<const Address> pages, NodeId to,
                        PageSharing sharing = PageSharing::kOwn) = 0;
};

}  // namespace tier
