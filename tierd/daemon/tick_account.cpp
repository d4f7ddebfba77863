#include "tierd/daemon/tick_account.h"

#include <fmt/format.h>

#include <algorithm>

namespace tier {

std::optional<std::string> TickAccount::tick(Nanoseconds work, Nanoseconds interval,
                                             const TickPhases& phases) {
  for (std::size_t i = shares_.size(); i < phases.size(); ++i) shares_.emplace_back(phases[i].first, 0);
  for (std::size_t i = 0; i < shares_.size(); ++i) {
    const double share = i < phases.size() ? seconds(phases[i].second) / seconds(interval) : 0;
    shares_[i].second += (share - shares_[i].second) / kOwnCostTicks;
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
