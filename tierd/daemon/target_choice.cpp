#include "tierd/daemon/target_choice.h"

#include <algorithm>
#include <tuple>

namespace tier {

void SizeRange::Range::add(Bytes size) {
  least = std::min(least, size);
  most = std::max(most, size);
}

void SizeRange::add(Bytes size) {
  if (looks_ == kWindow) {
    before_ = std::exchange(now_, {});
    looks_ = 0;
    full_ = true;
  }
  now_.add(size);
  ++looks_;
}

Bytes SizeRange::least() const { return full_ ? std::min(before_.least, now_.least) : now_.least; }
Bytes SizeRange::most() const { return std::max(before_.most, now_.most); }

Choice choose(std::vector<ChoiceEntry> entries, std::size_t limit, bool replace) {
  Choice choice;
  const auto outsiders =
      std::partition(entries.begin(), entries.end(), [](const ChoiceEntry& e) { return e.watched; });
  std::vector<ChoiceEntry> inside(entries.begin(), outsiders), outside(outsiders, entries.end());
  const auto bigger = [](const ChoiceEntry& a, const ChoiceEntry& b) {
    return std::tie(b.resident, a.pid) < std::tie(a.resident, b.pid);
  };
  std::sort(inside.begin(), inside.end(), bigger);
  for (; inside.size() > limit; inside.pop_back()) choice.out.push_back(inside.back().pid);
  std::sort(outside.begin(), outside.end(), bigger);
  const std::size_t free = std::min(limit - inside.size(), outside.size());
  for (std::size_t i = 0; i < free; ++i) choice.in.push_back(outside[i].pid);
  if (!replace || free == outside.size()) return choice;

  outside.erase(outside.begin(), outside.begin() + static_cast<std::ptrdiff_t>(free));
  std::erase_if(outside, [](const ChoiceEntry& e) { return !e.range->known(); });
  std::erase_if(inside, [](const ChoiceEntry& e) { return !e.range->known(); });
  std::sort(outside.begin(), outside.end(),
            [](const ChoiceEntry& a, const ChoiceEntry& b) { return a.range->least() > b.range->least(); });
  std::sort(inside.begin(), inside.end(),
            [](const ChoiceEntry& a, const ChoiceEntry& b) { return a.range->most() < b.range->most(); });
  for (std::size_t i = 0; i < std::min(inside.size(), outside.size()); ++i) {
    if (outside[i].range->least() <= inside[i].range->most()) break;
    choice.in.push_back(outside[i].pid);
    choice.out.push_back(inside[i].pid);
  }
  return choice;
}

}  // namespace tier
