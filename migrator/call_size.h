// How much one system call moves, so that it ends soon.
#pragma once

#include "core/units.h"

namespace tier {

// A call cannot be cut short: whoever calls a move off waits for it. So where calls take long they are made
// smaller, as far as needed and no further, for each has a fixed price: 64 pages a call cost half as much CPU
// again as 512 (docs/benchmarks.md). Pure; not thread-safe.
class CallSize {
 public:
  // At most `most` bytes. Begins small: nobody knows yet what a call takes.
  explicit CallSize(Bytes most);

  Bytes next() const { return Bytes{static_cast<std::uint64_t>(next_)}; }

  // A call that was to move so many bytes took so long.
  void add(Bytes asked, Nanoseconds took);

 private:
  double wanted() const;
  void tell_apart(double bytes, double took);

  double most_, next_;           // bytes
  double bytes_ = 0, took_ = 0;  // the last call, seconds
  double fixed_ = 0;             // seconds of every call, whatever its size
  int alike_ = 0;                // calls in a row of nearly one size
};

}  // namespace tier
