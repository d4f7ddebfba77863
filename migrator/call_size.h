// How much one system call moves, so that it ends soon.
#pragma once

#include "core/units.h"

namespace tier {

// A call cannot be cut short, so a move that is called off lasts until its call ends. Where calls take long
// they are made smaller, as far as needed and no further, since each has a fixed cost: 64 pages a call took
// half as much CPU again as 512. Pure; not thread-safe.
class CallSize {
 public:
  // At most `most` bytes. Begins small, because what a call takes is not known yet.
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
