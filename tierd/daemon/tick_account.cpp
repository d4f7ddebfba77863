#include "tierd/daemon/tick_account.h"

#include <fmt/format.h>

#include <algorithm>

namespace tier {

std::optional<std::string> TickAccount::tick(Nanoseconds work, Nanoseconds interval,
                                             const TickPhases& phases) {
  for (std::size_t i = 0; i < phases.size(); ++i) {
    if (i == shares_.size()) shares_.emplace_back(phases[i].first, 0);
    shares_[i].second += (seconds(phases[i].second) / seconds(interval) - shares_[i].second) / kOwnCostTicks;
  }
  const auto longest = std::max_element(phases.begin(), phases.end(),
                                        [](const auto& a, const auto& b) { return a.second < b.second; });
  const std::string name = longest == phases.end() ? "" : longest->first;
  if (work > worst_) worst_ = work, phase_ = name;
  if (work <= interval) return std::nullopt;
  ++late_;
  std::string text =
      fmt::format("a tick took {:.2f} s of an interval of {:.2f} s", seconds(work), seconds(interval));
  if (!name.empty()) text += fmt::format(", {:.2f} s of it in \"{}\"", seconds(longest->second), name);
  return text;
}

}  // namespace tier
