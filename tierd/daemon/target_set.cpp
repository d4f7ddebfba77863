#include "tierd/daemon/target_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace tier {
namespace {

// Most pids of an idle machine are kernel threads, which have no memory of their own: looked at again this
// many looks later, since the number may then be another's.
constexpr std::uint64_t kLooksSkipped = 16;

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool same_program(const Target& a, const Target& b) {
  return a.pid == b.pid && a.start_time == b.start_time && a.name == b.name;
}

}  // namespace

TargetSet::TargetSet(const ProcessTable& table, TargetSettings settings, Pid self)
    : table_(table), settings_(std::move(settings)), self_(self) {}

const Target* TargetSet::find(TargetId id) const {
  const auto it = std::find_if(targets_.begin(), targets_.end(), [&](const Target& t) { return t.id == id; });
  return it == targets_.end() ? nullptr : &*it;
}

void TargetSet::note(const std::string& problem, TargetChanges& changes) {
  if (said_.emplace(problem, true).second) changes.problems.push_back(problem);
}

bool TargetSet::explicitly_named(Pid pid) const {
  return std::find(settings_.pids.begin(), settings_.pids.end(), pid) != settings_.pids.end();
}

bool TargetSet::wanted(const Target& target) const {
  if (target.pid == self_ || contains(settings_.exclude, target.name)) return false;
  if (explicitly_named(target.pid) || contains(settings_.executables, target.name)) return true;
  const bool nothing_named =
      settings_.pids.empty() && settings_.cgroups.empty() && settings_.executables.empty();
  return nothing_named && target.resident >= settings_.default_minimum;
}

std::vector<Target> TargetSet::look(TargetChanges& changes) {
  std::set<Pid> by_cgroup;
  for (const auto& cgroup : settings_.cgroups) {
    const auto pids = table_.in_cgroup(cgroup);
    if (!pids) note(pids.error().text(), changes);
    if (pids) by_cgroup.insert(pids->begin(), pids->end());
  }
  std::set<Pid> pids(settings_.pids.begin(), settings_.pids.end());
  pids.insert(by_cgroup.begin(), by_cgroup.end());
  ++looks_;
  const bool only_named = settings_.executables.empty() && !pids.empty();
  if (!only_named) {
    const auto all = table_.list();
    if (!all) note(all.error().text(), changes);
    if (all) pids.insert(all->begin(), all->end());
  }
  std::vector<Target> found;
  for (const Pid pid : pids) {
    if (const auto known = kernel_threads_.find(pid);
        known != kernel_threads_.end() && looks_ < known->second)
      continue;
    auto target = table_.describe(pid);
    if (target && target->resident.value == 0 && !explicitly_named(pid))
      kernel_threads_[pid] = looks_ + kLooksSkipped;
    if (!target) {
      if (explicitly_named(pid)) note(target.error().text(), changes);
      continue;
    }
    const bool by_group =
        by_cgroup.contains(pid) && pid != self_ && !contains(settings_.exclude, target->name);
    if (by_group || wanted(*target)) found.push_back(std::move(*target));
  }
  return found;
}

std::vector<Target> TargetSet::look_at_known() const {
  std::vector<Target> found;
  for (const auto& old : targets_) {
    auto now = table_.describe(old.pid);
    // An exec'd program is wanted or not by its new name: the next full look decides.
    if (now && same_program(old, *now)) found.push_back(std::move(*now));
  }
  return found;
}

TargetChanges TargetSet::refresh(bool look_for_new) {
  TargetChanges changes;
  auto found = look_for_new ? look(changes) : look_at_known();
  if (found.size() > settings_.limit) {
    std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(settings_.limit),
                      found.end(), [](const Target& a, const Target& b) { return a.resident > b.resident; });
    note(fmt::format("more than {} processes match: only the biggest are watched", settings_.limit), changes);
    found.resize(settings_.limit);
  }
  for (auto& target : found) {
    const auto known = std::find_if(targets_.begin(), targets_.end(),
                                    [&](const Target& old) { return same_program(old, target); });
    if (known != targets_.end()) {
      target.id = known->id;
    } else {
      target.id = TargetId{next_id_++};
      changes.added.push_back(target);
    }
  }
  for (const auto& old : targets_) {
    const bool stays =
        std::any_of(found.begin(), found.end(), [&](const Target& t) { return t.id == old.id; });
    if (!stays) changes.removed.push_back(old.id);
  }
  std::sort(found.begin(), found.end(), [](const Target& a, const Target& b) { return a.id < b.id; });
  targets_ = std::move(found);
  return changes;
}

}  // namespace tier
