// What happened, for `tierctl events`: a bounded list, numbered without gaps; what was forgotten shows as a
// gap to the reader.
#pragma once

#include <deque>
#include <vector>

#include "tierd/control/views.h"

namespace tier {

class EventLog {
 public:
  explicit EventLog(std::size_t capacity = 8192) : capacity_(capacity) {}

  // Gives the event its sequence number, from 1.
  void add(Event event);
  // Events with sequence > since, oldest first, at most `limit`.
  std::vector<Event> since(std::uint64_t since, std::size_t limit) const;

 private:
  std::size_t capacity_;
  std::deque<Event> events_;
  std::uint64_t next_ = 1;
};

}  // namespace tier
