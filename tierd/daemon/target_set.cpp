#include "tierd/daemon/target_set.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/cgroup_path.h"
#include "core/printable.h"
#include "core/quantity.h"
#include "tierd/daemon/polled_processes.h"
#include "tierd/daemon/unmatched.h"

namespace tier {
namespace {

// Work on processes that may be new targets, of one refresh. A name costs about 10 µs, a description 80 µs.
constexpr int kWorkPerRefresh = 2048, kNameWork = 1, kDescribeWork = 8;

// Where nothing tells that a process's cgroup or nodes changed, it is described again every so many looks for
// new ones.
constexpr std::uint64_t kDescribeEvery = 8;

// Names that are kept for suggestions: more than most machines run.
constexpr std::size_t kNamesKept = 1024;

// Cgroups come and go; of a machine's present ones there are fewer.
constexpr std::size_t kGroupsKept = 4096;

bool contains(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

bool same_program(const Target& target, const SeenProcess& seen) {
  if (target.start_time != seen.start_time) return false;
  if (target.program != 0 && seen.program != 0) return target.program == seen.program;
  return seen.file.empty() || target.name == seen.file;
}

}  // namespace

std::string gone_text(GoneReason reason, const TargetSettings& settings) {
  switch (reason) {
    case GoneReason::kReplaced:
      return "runs another program now";
    case GoneReason::kCrowdedOut:
      return fmt::format("no longer among the {} biggest that match (targets.limit)", settings.limit);
    case GoneReason::kUnnamed:
      return "the configuration names it no longer";
    case GoneReason::kShrunk:
      return fmt::format("holds less than {} now", show_size({settings.default_minimum.value / 2}));
    case GoneReason::kExited:
      break;
  }
  return "exited";
}

std::string display_name(const Target& target) {
  const bool other = !target.started_as.empty() && target.started_as != target.name;
  return escaped(target.name) + (other ? " (started as " + escaped(target.started_as) + ")" : "");
}

TargetSet::TargetSet(const ProcessTable& table, TargetSettings settings, Pid self, ProcessWatch* watch)
    : table_(table), settings_(std::move(settings)), self_(self), watch_(watch) {
  if (watch_ == nullptr) {
    polled_ = std::make_unique<PolledProcesses>(table_);
    watch_ = polled_.get();
  }
  watch_->forget();  // what it told of before was told to another one
  normalize();
}

void TargetSet::set_settings(TargetSettings settings) {
  settings_ = std::move(settings);
  settings_changed_ = candidates_changed_ = choice_due_ = true;
  normalize();
}

void TargetSet::normalize() {
  refused_.clear();
  for (const std::string& text : std::exchange(settings_.cgroups, {})) {
    if (auto path = cgroup_path(text))
      settings_.cgroups.push_back(*path);
    else
      refused_.push_back(path.error().text());
  }
}

const Target* TargetSet::find(TargetId id) const {
  const auto it = std::lower_bound(targets_.begin(), targets_.end(), id,
                                   [](const Target& target, TargetId wanted) { return target.id < wanted; });
  return it == targets_.end() || it->id != id ? nullptr : &*it;
}

// Said once, and again only after it was otherwise in between.
void TargetSet::note(const std::string& about, const std::string& problem, TargetChanges& changes) {
  auto [it, first] = said_.try_emplace(about, problem);
  if (!first && it->second == problem) return;
  it->second = problem;
  changes.problems.push_back(problem);
}

bool TargetSet::nothing_named() const {
  return settings_.pids.empty() && settings_.cgroups.empty() && settings_.executables.empty() &&
         refused_.empty();
}

bool TargetSet::explicitly_named(Pid pid) const {
  return std::find(settings_.pids.begin(), settings_.pids.end(), pid) != settings_.pids.end();
}

bool TargetSet::by_cgroup(const SeenProcess& seen) {
  if (settings_.cgroups.empty()) return false;
  std::vector<std::string> paths;
  const auto known = groups_.find(seen.group);
  if (seen.group != 0 && known != groups_.end()) {
    paths = known->second;
  } else {
    paths = table_.cgroups_of(seen.pid);
    if (groups_.size() >= kGroupsKept) groups_.clear();
    if (seen.group != 0 && !paths.empty()) groups_[seen.group] = paths;
  }
  return std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
    return std::any_of(settings_.cgroups.begin(), settings_.cgroups.end(),
                       [&](const std::string& cgroup) { return within_cgroup(path, cgroup); });
  });
}

bool TargetSet::called(const std::vector<std::string>& list, const ProcessNames& names,
                       const std::string& comm) const {
  if (names.file.empty() && names.started_as.empty()) return contains(list, comm);
  return contains(list, names.file) || contains(list, names.started_as);
}

bool TargetSet::wanted(const Target& target, const SeenProcess& seen) {
  const ProcessNames names{target.name, target.started_as};
  if (target.pid == self_ || called(settings_.exclude, names, seen.comm)) return false;
  if (explicitly_named(target.pid) || called(settings_.executables, names, seen.comm)) return true;
  if (nothing_named()) return target.resident.value >= settings_.default_minimum.value / 2;
  return by_cgroup(seen);
}

ProcessQuestion TargetSet::question() {
  if (std::exchange(candidates_changed_, false)) {
    asked_ = settings_.pids;
    for (const auto& [pid, candidate] : candidates_) asked_.push_back(pid);
  }
  ProcessQuestion question;
  question.asked = asked_;
  question.others = nothing_named() || !settings_.cgroups.empty() || !settings_.executables.empty();
  if (nothing_named()) question.minimum = settings_.default_minimum;
  return question;
}

TargetChanges TargetSet::refresh(bool look_for_new) {
  TargetChanges changes;
  if (settings_changed_) judge_again(changes);
  look_for_new |= std::exchange(settings_changed_, false);
  for (const std::string& problem : refused_) note(problem, problem, changes);
  auto look = watch_->look(question(), look_for_new);
  if (!look) {
    note("look", look.error().text(), changes);
  } else if (look->looked) {
    said_.erase("look");
    take(*look, look_for_new, changes);
  }
  admit();
  if (look_for_new) look_for_missing(changes);
  choose_targets(look_for_new, changes);
  return changes;
}

void TargetSet::judge_again(TargetChanges& changes) {
  pending_.clear();
  watch_->forget();
  for (auto it = candidates_.begin(); it != candidates_.end();)
    it = wanted(it->second.target, it->second.seen) ? std::next(it) : lose(it, GoneReason::kUnnamed, changes);
}

void TargetSet::take(ProcessLook& look, bool look_for_new, TargetChanges& changes) {
  ++looks_;
  renewals_ += look_for_new ? 1 : 0;
  for (SeenProcess& seen : look.processes) {
    const auto it = candidates_.find(seen.pid);
    if (it == candidates_.end()) {
      consider(seen);
      continue;
    }
    it->second.seen_in = looks_;
    if (same_program(it->second.target, seen)) {
      if (const auto reason = update(it->second, seen, look_for_new)) lose(it, *reason, changes);
    } else {
      lose(it, it->second.seen.start_time == seen.start_time ? GoneReason::kReplaced : GoneReason::kExited,
           changes);
      consider(seen);
    }
  }
  for (auto it = candidates_.begin(); it != candidates_.end();)
    it = it->second.seen_in == looks_ ? std::next(it) : lose(it, GoneReason::kExited, changes);
}

std::optional<GoneReason> TargetSet::update(Candidate& candidate, SeenProcess& seen, bool look_for_new) {
  Target& target = candidate.target;
  target.resident = seen.resident;
  target.user_time = seen.user_time;
  candidate.ran = !seen.run_time || seen.run_time != candidate.seen.run_time;
  if (look_for_new) candidate.range.add(seen.resident);
  const bool changed =
      seen.properties != candidate.seen.properties ||
      (seen.properties == 0 && look_for_new &&
       renewals_ % kDescribeEvery == static_cast<std::uint64_t>(seen.pid.value) % kDescribeEvery);
  std::swap(candidate.seen, seen);
  if (changed) {
    auto now = table_.describe(target.pid);
    if (now && now->start_time == target.start_time) {
      now->id = target.id;
      now->program = target.program;
      now->user_time = target.user_time;
      now->resident = target.resident;
      now->started_as =
          target.started_as;  // what it was called when it was admitted; it may have changed that
      target = std::move(*now);
      candidate.described = true;
    }
    if (!wanted(target, candidate.seen)) return GoneReason::kUnnamed;
  }
  if (nothing_named() && !wanted(target, candidate.seen)) return GoneReason::kShrunk;
  return std::nullopt;
}

// Nothing of it is read yet but, at most, which cgroups it is in.
void TargetSet::consider(SeenProcess& seen) {
  if (seen.pid == self_) return;
  if (!settings_.executables.empty()) remember(seen.file);
  const bool named = explicitly_named(seen.pid) ||
                     (!seen.file.empty() && contains(settings_.executables, seen.file)) ||
                     (nothing_named() && seen.resident >= settings_.default_minimum) || by_cgroup(seen);
  if (named || !settings_.executables.empty()) pending_.push_back({std::move(seen), named});
}

TargetSet::Candidates::iterator TargetSet::lose(Candidates::iterator it, GoneReason reason,
                                                TargetChanges& changes) {
  if (it->second.watched) changes.removed.push_back({it->second.target.id, reason});
  candidates_changed_ = choice_due_ = true;
  return candidates_.erase(it);
}

// The biggest first, so that a limit keeps these; what is left over is for the next refresh.
void TargetSet::admit() {
  std::stable_sort(pending_.begin(), pending_.end(), [](const Pending& a, const Pending& b) {
    return a.named != b.named ? a.named : a.seen.resident > b.seen.resident;
  });
  int work = 0;
  std::size_t done = 0;
  for (; done < pending_.size() && work < kWorkPerRefresh; ++done) {
    const Pending& one = pending_[done];
    if (!one.named) {
      work += kNameWork;
      const ProcessNames names = table_.names(one.seen.pid);
      remember(names.file), remember(names.started_as);
      if (!called(settings_.executables, names, one.seen.comm)) continue;
    }
    work += kDescribeWork;
    admit_one(one.seen);
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(done));
}

void TargetSet::admit_one(const SeenProcess& seen) {
  auto target = table_.describe(seen.pid);
  if (!target || target->start_time != seen.start_time) return;  // gone; what has its number now is told of
  target->id = TargetId{};
  target->program = seen.program;
  target->resident = seen.resident;
  target->user_time = seen.user_time;
  if (!wanted(*target, seen)) return;
  Candidate candidate;
  candidate.range.add(seen.resident);
  candidate.seen = seen;
  candidate.target = std::move(*target);
  candidates_[seen.pid] = std::move(candidate);
  candidates_changed_ = choice_due_ = true;
}

void TargetSet::remember(const std::string& name) {
  if (!name.empty() && names_.size() < kNamesKept) names_.insert(name);
}

std::vector<std::string> TargetSet::unmatched() const {
  std::vector<std::string> out;
  if (looks_ == 0) return out;
  const auto none = [&](const auto& matches) {
    return std::none_of(candidates_.begin(), candidates_.end(),
                        [&](const auto& entry) { return matches(entry.second); });
  };
  for (const std::string& name : settings_.executables)
    if (none([&](const Candidate& each) {
          return called({name}, {each.target.name, each.target.started_as}, each.seen.comm);
        }))
      out.push_back(unmatched_executable(name, names_));
  for (const std::string& cgroup : settings_.cgroups)
    if (none([&](const Candidate& each) { return within_cgroup(each.target.cgroup, cgroup); }))
      out.push_back(unmatched_cgroup(cgroup));
  for (const Pid pid : settings_.pids)
    if (pid != self_ && !candidates_.contains(pid)) out.push_back(unmatched_pid(pid));
  return out;
}

// What the configuration names and is not there.
void TargetSet::look_for_missing(TargetChanges& changes) {
  for (const Pid pid : settings_.pids) {
    const std::string about = "pid " + std::to_string(pid.value);
    const auto found = candidates_.find(pid);
    if (found != candidates_.end() || pid == self_) {
      said_.erase(about);
      continue;
    }
    const auto target = table_.describe(pid);
    if (!target)
      note(about, target.error().text(), changes);
    else if (target->resident.value == 0)
      note(about,
           fmt::format("process {} has no memory of its own: a kernel thread, or it has ended", pid.value),
           changes);
  }
  for (const std::string& cgroup : settings_.cgroups) {
    const bool any = std::any_of(candidates_.begin(), candidates_.end(), [&](const auto& entry) {
      return within_cgroup(entry.second.target.cgroup, cgroup);
    });
    const auto there = any ? Result<std::vector<Pid>>{} : table_.in_cgroup(cgroup);
    if (there)
      said_.erase(cgroup);
    else
      note(cgroup, there.error().text(), changes);
  }
}

void TargetSet::choose_targets(bool look_for_new, TargetChanges& changes) {
  // Sizes alone change who is chosen where new ones are looked for, too.
  if (!std::exchange(choice_due_, false) && !look_for_new) return show_targets(false);
  const bool all_watched = std::all_of(candidates_.begin(), candidates_.end(),
                                       [](const auto& entry) { return entry.second.watched; });
  if (all_watched && candidates_.size() <= settings_.limit) {
    said_.erase("limit");
    show_targets(!changes.removed.empty());
    return;
  }
  std::vector<ChoiceEntry> entries;
  entries.reserve(candidates_.size());
  for (const auto& [pid, candidate] : candidates_)
    entries.push_back({pid, candidate.seen.resident, &candidate.range, candidate.watched});
  if (candidates_.size() > settings_.limit)
    note("limit",
         fmt::format("more than {} processes match: only the biggest are watched (fix: name fewer under "
                     "[targets], or raise targets.limit)",
                     settings_.limit),
         changes);
  const Choice choice = choose(std::move(entries), settings_.limit, look_for_new);
  for (const Pid pid : choice.out) {
    Candidate& candidate = candidates_.at(pid);
    changes.removed.push_back({candidate.target.id, GoneReason::kCrowdedOut});
    candidate.target.id = {};
    candidate.watched = false;
  }
  for (const Pid pid : choice.in) {
    Candidate& candidate = candidates_.at(pid);
    candidate.target.id = TargetId{next_id_++};
    candidate.watched = true;
    changes.added.push_back(candidate.target);
  }
  show_targets(!changes.added.empty() || !changes.removed.empty());
}

void TargetSet::show_targets(bool changed) {
  if (changed) {
    shown_.clear();
    for (auto& [pid, candidate] : candidates_)
      if (candidate.watched) shown_.push_back(&candidate);
    std::sort(shown_.begin(), shown_.end(),
              [](const Candidate* a, const Candidate* b) { return a->target.id < b->target.id; });
    targets_.clear(), ran_.clear();
    for (const Candidate* candidate : shown_) {
      targets_.push_back(candidate->target);
      ran_.push_back(candidate->ran);
    }
    return;
  }
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    Candidate& candidate = *shown_[i];
    if (std::exchange(candidate.described, false)) targets_[i] = candidate.target;
    ran_[i] = candidate.ran;
    targets_[i].resident = candidate.target.resident;
    targets_[i].user_time = candidate.target.user_time;
  }
}

}  // namespace tier
