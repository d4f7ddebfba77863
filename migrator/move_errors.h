// What the errors of move_pages(2) mean: whose fault each one is, and when to ask again.
#pragma once

#include <span>
#include <string>

#include "core/plan.h"

namespace tier {

enum class MoveFault {
  kPage,     // this page, now: I/O, a pin
  kRegion,   // the pages of this kind or this mapping
  kNode,     // the node they shall go to
  kProcess,  // the process that holds them is gone, or may not be touched
  kDaemon,   // tierd itself: a right that it lacks, a mistake in the call
};

enum class MoveRetry {
  kSoon,   // within seconds, with growing distances
  kLater,  // not within minutes: only the program can change it
  kNext,   // with the next plan: nothing is known about the pages
};

struct MoveError {
  int number = 0;
  const char* name = "";  // "EBUSY"
  MoveFault fault{};
  MoveRetry retry{};
  const char* means = "";  // for people
};

// Every error that move_pages(2) documents, for a page (in its status) or for a call (errno), and those that
// mm/migrate.c returns beside them. Where a number means two things the entry says both.
std::span<const MoveError> move_errors();
const MoveError* find_move_error(int number);  // null when not in the table

// "4 pages EBUSY: in use by I/O or pinned; …"
std::string failures_text(const PageCounts& pages);

// The kernel's word about the region's own pages. A full or absent node, a lost right or a process that ended
// say nothing about them.
bool region_refused(const PageCounts& pages);

// Of a refused region: asking again within seconds would get the same answer.
bool refusal_lasts(const PageCounts& pages);

}  // namespace tier
