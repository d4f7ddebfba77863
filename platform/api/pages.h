// Where pages are, and moving them. Thin over move_pages(2): value and errno come back together, partial
// success is a result.
#pragma once

#include <limits>
#include <span>
#include <vector>

#include "core/units.h"

namespace tier {

// The kernel said nothing about this page: it stops writing statuses at the first page it cannot migrate
// (value > 0) or at a failed call. Locate it to learn where it is.
inline constexpr int kStatusUnknown = std::numeric_limits<int>::min();

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
  // -EFAULT: not mapped, or the shared zero page, or (Linux 6.1) nothing ever resident near there. Whole-call
  // errors: ESRCH, EPERM. Thread-safe.
  virtual PageCall locate(Pid, std::span<const Address> pages) const = 0;
};

// Which pages a call may move.
enum class PageSharing {
  kOwn,     // those that no other process maps
  kShared,  // all: they move under everyone who maps them, whatever nodes these may use
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
