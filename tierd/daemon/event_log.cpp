#include "tierd/daemon/event_log.h"

#include <algorithm>

namespace tier {

void EventLog::add(Event event) {
  event.sequence = next_++;
  events_.push_back(std::move(event));
  if (events_.size() > capacity_) events_.pop_front();
}

std::vector<Event> EventLog::since(std::uint64_t since, std::size_t limit) const {
  std::vector<Event> out;
  if (events_.empty()) return out;
  const std::uint64_t first = events_.front().sequence;
  const std::size_t skip = since < first ? 0 : static_cast<std::size_t>(since - first + 1);
  for (std::size_t i = skip; i < events_.size() && out.size() < limit; ++i) out.push_back(events_[i]);
  return out;
}

}  // namespace tier
