// Pages that several processes map, looked for through one after the other.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/target.h"
#include "migrator/batch.h"
#include "platform/api/pages.h"
#include "platform/api/process_table.h"

namespace tier {

// One process through which pages are reached.
struct OpenView {
  Pid pid;
  Address start = 0;  // where the request's range begins in its address space
  std::shared_ptr<ProcessHandle> handle;
};

// Moves the order's pages, given in an address space where the range begins at `start`, through the first
// view; what is absent there, since that process has not touched it, through the next. A view whose process
// has gone is left out; the target is gone when all are. Addresses in the result are as in the order.
BatchResult move_through(BatchMover& mover, const BatchOrder& order, Address start,
                         std::span<const OpenView> views, const StopSign& stop);

// The same for locating: the place of each page of process `pid`, whose range begins at `start`. At most four
// processes are asked: for a place that is planned with, that is evidence enough.
PageCall locate_through(const PageLocator& locator, Pid pid, std::span<const Address> pages, Address start,
                        std::span<const ProcessView> also);

}  // namespace tier
