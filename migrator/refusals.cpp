#include "migrator/refusals.h"

#include <algorithm>

namespace tier {

bool RefusalMemory::may_try(const RegionKey& key, Nanoseconds now) const {
  const auto it = entries_.find(key);
  return it == entries_.end() || now >= it->second.not_before;
}

bool RefusalMemory::refused(const RegionKey& key, Nanoseconds now, bool lasting) {
  Entry& entry = entries_[key];
  if (lasting) entry.count = std::max(entry.count, settings_.until_unmovable - 1);
  // 2^20 · first_wait is beyond every sensible longest_wait: the shift stays in range.
  const Nanoseconds wait = settings_.first_wait * (std::int64_t{1} << std::min(entry.count, 20));
  entry.not_before = now + std::min(settings_.longest_wait, wait);
  ++entry.count;
  return entry.count >= settings_.until_unmovable;
}

void RefusalMemory::forget(TargetId target) {
  std::erase_if(entries_, [&](const auto& entry) { return entry.first.target == target; });
}

int RefusalMemory::count(const RegionKey& key) const {
  const auto it = entries_.find(key);
  return it == entries_.end() ? 0 : it->second.count;
}

}  // namespace tier
