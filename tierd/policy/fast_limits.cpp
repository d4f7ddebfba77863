#include "tierd/policy/fast_limits.h"

namespace tier {
namespace {

bool below(const std::string& cgroup, const std::string& ancestor) {
  if (ancestor == "/") return true;
  return cgroup.starts_with(ancestor) && (cgroup.size() == ancestor.size() || cgroup[ancestor.size()] == '/');
}

}  // namespace

FastLimits::FastLimits(const std::map<std::string, double>& limits, std::vector<double> totals)
    : totals_(std::move(totals)) {
  for (const auto& [cgroup, share] : limits)
    groups_.push_back({cgroup, share, std::vector<double>(totals_.size(), 0)});
}

int FastLimits::find(const std::string& cgroup) const {
  int innermost = -1;
  std::size_t longest = 0;
  for (std::size_t i = 0; i < groups_.size(); ++i) {
    const std::string& name = groups_[i].cgroup;
    if (name.size() > longest && below(cgroup, name)) innermost = static_cast<int>(i), longest = name.size();
  }
  return innermost;
}

void FastLimits::add(int limit, int rank, double bytes) {
  if (limit >= 0) groups_[static_cast<std::size_t>(limit)].held[static_cast<std::size_t>(rank)] += bytes;
}

double FastLimits::above(int limit, int rank, double more) const {
  const auto index = static_cast<std::size_t>(rank);
  if (limit < 0 || index + 1 >= totals_.size()) return 0;
  const Group& group = groups_[static_cast<std::size_t>(limit)];
  return group.held[index] + more - group.share * totals_[index];
}

}  // namespace tier
