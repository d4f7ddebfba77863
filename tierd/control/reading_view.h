// What tierd's reading about processes takes, and what of it has to wait.
#pragma once

#include <cstdint>
#include <string>

namespace tier {

// Reading about processes, which takes their mmap locks (docs/operations.md, "What reading costs a process").
struct ReadingView {
  std::string interface;                            // how mappings are read
  std::string why;                                  // not by the cheapest interface; empty when it is
  double mappings_share = 0, places_share = 0;      // of the time that each may take, 0..1
  double mappings_seconds = 0, places_seconds = 0;  // taken since start
  std::uint64_t reads = 0;                          // of whole mappings, since start
  std::uint64_t waiting = 0;           // processes whose mappings have changed, or were never read
  std::uint64_t postponed = 0;         // the same, summed over all ticks that ended so
  double oldest_seconds = 0;           // age of the oldest mappings in use that wait to be read again
  std::uint64_t places_postponed = 0;  // ticks in which fewer places were asked than there was need for
  std::uint64_t left_out = 0;          // processes whose policies and locks are not known: their pages stay
  std::string left_out_reason;
};

}  // namespace tier
