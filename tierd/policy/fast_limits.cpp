#include "tierd/policy/fast_limits.h"

namespace tier {
namespace {

bool below(const std::string& cgroup, const std::string& ancestor) {
  if (ancestor == "/") return true;
  return cgroup.starts_with(ancestor) && (cgroup.size() == ancestor.size() || cgroup[ancestor.size()] == '/');
}

}  // namespace

void FastLimits::reset(const std::map<std::string, double>& limits, std::vector<double> totals) {
  totals_ = std::move(totals);
  groups_.clear();
  for (const auto& [cgroup, share] : limits)
    groups_.push_back({cgroup, share, std::vector<double>(totals_.size(), 0)});
}

const FastLimits::Group* FastLimits::group_of(const Target& target) const {
  const Group* innermost = nullptr;
  for (const Group& group : groups_) {
    const bool deeper = innermost == nullptr || group.cgroup.size() > innermost->cgroup.size();
    if (deeper && below(target.cgroup, group.cgroup)) innermost = &group;
  }
  return innermost;
}

void FastLimits::add(const Target& target, int rank, double bytes) {
  if (const Group* group = group_of(target))
    groups_[static_cast<std::size_t>(group - groups_.data())].held[static_cast<std::size_t>(rank)] += bytes;
}

double FastLimits::above(const Target& target, int rank, double more) const {
  const Group* group = group_of(target);
  const auto index = static_cast<std::size_t>(rank);
  if (group == nullptr || index + 1 >= totals_.size()) return 0;
  return group->held[index] + more - group->share * totals_[index];
}

bool FastLimits::together(const Target& a, const Target& b) const {
  const Group* group = group_of(a);
  return group != nullptr && group == group_of(b);
}

}  // namespace tier
