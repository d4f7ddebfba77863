// Moves that wait for the machine's copy threads. Private to the machine.
#pragma once

#include <deque>

#include "sim/machine/machine.h"

namespace tier::sim {

struct QueuedMove {
  Region region = 0;
  int to = 0;
  double left = -1;  // seconds until it is done; below 0: not begun
};

class MoveQueue {
 public:
  void push(Region region, int to) { waiting_.push_back({region, to, -1}); }
  bool empty() const { return waiting_.empty(); }
  std::size_t size() const { return waiting_.size(); }
  QueuedMove& front() { return waiting_.front(); }
  void pop() { waiting_.pop_front(); }

  // Several threads work on several regions at once; one after the other, each so much faster, is the same
  // rate.
  double seconds_for(double alone, double bytes) const {
    const double shared = alone / threads;
    return bytes_per_second > 0 ? std::max(shared, bytes / bytes_per_second) : shared;
  }

  int threads = 1;
  double bytes_per_second = 0;  // 0: no bound

 private:
  std::deque<QueuedMove> waiting_;
};

}  // namespace tier::sim
