// Which regions the kernel refused to move, and when to ask again.
#pragma once

#include <unordered_map>

#include "core/region.h"

namespace tier {

struct RefusalSettings {
  // After this many refusals in a row the region is reported unmovable: with the doubling below that is
  // 7.5 s of asking, longer than any transient pin (I/O, writeback) lasts.
  int until_unmovable = 5;
  Nanoseconds first_wait = std::chrono::milliseconds(500);  // doubled by each further refusal
  Nanoseconds longest_wait = std::chrono::seconds(60);
};

// Holds only regions that were refused and not moved since. Not thread-safe.
class RefusalMemory {
 public:
  explicit RefusalMemory(RefusalSettings settings) : settings_(settings) {}

  bool may_try(const RegionKey& key, Nanoseconds now) const;
  // True: now unmovable. A lasting refusal (pages shared with others, EACCES) makes it so at once: asking
  // again within seconds gets the same answer, while a busy page (EBUSY) may be free by then.
  bool refused(const RegionKey& key, Nanoseconds now, bool lasting = false);
  void accepted(const RegionKey& key) { entries_.erase(key); }
  void forget(TargetId target);
  int count(const RegionKey& key) const;  // refusals in a row; a lasting one counts for all but one of them
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    int count = 0;
    Nanoseconds not_before{};
  };
  RefusalSettings settings_;
  std::unordered_map<RegionKey, Entry> entries_;
};

}  // namespace tier
