// Where a region is, from a few of its pages.
#pragma once

#include "platform/api/pages.h"
#include "tierd/tracker/tracker.h"

namespace tier {

// Asks for eight pages, spread over the region. Pages of which the locator says kStatusMarked are resident;
// they count for the node that the visible ones lie on. With none visible the node is -1: not known. A query
// that fails as a whole is no answer (Residency::answered).
Residency locate_region(const LocateRequest& request, const PageLocator& locator, Bytes page_size);

}  // namespace tier
