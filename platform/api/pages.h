// Where pages are, and moving them. Thin over move_pages(2): value and errno come back together, partial
// success is a result.
#pragma once

#include <span>
#include <vector>

#include "core/units.h"

namespace tier {

// Outcome of one move_pages(2) call. `value` as the man page: 0 all done, >0 number of pages not moved
// (Linux 4.17), -1 see error_number.
struct PageCall {
  long value = 0;
  int error_number = 0;
  std::vector<int> status;  // per page: node >= 0, or -errno; empty when the call failed as a whole
};

class PageLocator {
 public:
  virtual ~PageLocator() = default;
  // Which node holds each page (address rounded down to its page). Thread-safe.
  virtual PageCall locate(Pid, std::span<const Address> pages) const = 0;
};

class PageMover {
 public:
  virtual ~PageMover() = default;
  // Moves the pages to `to`. For a transparent huge page, one address inside moves the whole. Thread-safe;
  // may block for the copy.
  virtual PageCall move(Pid, std::span<const Address> pages, NodeId to) = 0;
};

}  // namespace tier
