// Which processes are watched: resolves the configuration's pids, cgroups and names to targets, tick by tick.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "platform/api/process_table.h"
#include "platform/api/process_watch.h"
#include "tierd/daemon/target_choice.h"

namespace tier {

struct TargetSettings {
  std::vector<Pid> pids;
  std::vector<std::string> cgroups;  // as cgroup_path() takes them, descendants included
  // A process is called by the base name of the file that runs and by that it was started by (argv[0]); by
  // the kernel's name of it (comm) where neither can be read. Exact.
  std::vector<std::string> executables;
  std::vector<std::string> exclude;  // never watched, whatever else matches
  // With nothing named above, every process at least this big is watched, until it holds less than half of
  // it: smaller ones hold too little to be worth a move.
  Bytes default_minimum = 64_MiB;
  // Most targets at once: the biggest, of those the ones that are watched already (see choose()).
  std::size_t limit = 256;
};

enum class GoneReason { kExited, kReplaced, kCrowdedOut, kUnnamed, kShrunk };

struct GoneTarget {
  TargetId id;
  GoneReason reason = GoneReason::kExited;
  bool operator==(const GoneTarget&) const = default;
};

struct TargetChanges {
  std::vector<Target> added;
  std::vector<GoneTarget> removed;
  std::vector<std::string> problems;  // new ones only, each said once: who cannot be watched, and the fix
};

// "exited", "runs another program now", … for people.
std::string gone_text(GoneReason reason, const TargetSettings& settings);

// What people know it by: the file that runs and, where that is another one, the name it was started by;
// control characters escaped.
std::string display_name(const Target& target);

// Not thread-safe.
class TargetSet {
 public:
  // `self` is never a target: a tiering daemon that tiers itself measures its own work. Without `watch`
  // processes are looked at by files, some at a time. Both must outlive this.
  TargetSet(const ProcessTable& table, TargetSettings settings, Pid self, ProcessWatch* watch = nullptr);

  // Looks again. A process that exited, whose pid was reused, or that executed another program is removed; in
  // the last two cases what took its place is added under a new id.
  // Without look_for_new this costs less and may leave out new processes.
  TargetChanges refresh(bool look_for_new = true);

  // False: the next refresh would show nothing new but sizes and times.
  bool news() const { return settings_changed_ || watch_->news(); }

  // What is no longer named goes at the next refresh.
  void set_settings(TargetSettings settings);
  const TargetSettings& settings() const { return settings_; }

  const std::vector<Target>& targets() const { return targets_; }  // in the order of their ids
  const Target* find(TargetId) const;
  // Of each of targets(). False: no thread of it ran between the last two looks, so what it has mapped is
  // what it was. True where that cannot be told.
  const std::vector<bool>& ran() const { return ran_; }
  // What the settings name and no process matches, a sentence for each; empty before the first look.
  std::vector<std::string> unmatched() const;
  ProcessWatchState watch() const { return watch_->state(); }

 private:
  struct Candidate {  // a process that matches
    Target target;    // its id is 0 unless it is watched
    SeenProcess seen;
    SizeRange range;
    bool watched = false, ran = true;
    bool described = false;     // anew, since it was shown
    std::uint64_t seen_in = 0;  // look
  };
  struct Pending {  // a process that may match, and whose files are still to be read
    SeenProcess seen;
    bool named = false;  // it does, by what is known already
  };
  using Candidates = std::unordered_map<Pid, Candidate>;

  void normalize();
  bool nothing_named() const;
  bool explicitly_named(Pid pid) const;
  bool by_cgroup(const SeenProcess& seen);
  bool called(const std::vector<std::string>& list, const ProcessNames& names, const std::string& comm) const;
  bool wanted(const Target& target, const SeenProcess& seen);
  ProcessQuestion question();

  void take(ProcessLook& look, bool look_for_new, TargetChanges& changes);
  // The reason why it is no longer one; none: it still is.
  std::optional<GoneReason> update(Candidate& candidate, SeenProcess& seen, bool look_for_new);
  void consider(SeenProcess& seen);
  void admit();
  void admit_one(const SeenProcess& seen);
  Candidates::iterator lose(Candidates::iterator it, GoneReason reason, TargetChanges& changes);
  void judge_again(TargetChanges& changes);
  void look_for_missing(TargetChanges& changes);
  void choose_targets(bool look_for_new, TargetChanges& changes);
  void show_targets(bool changed);
  void note(const std::string& about, const std::string& problem, TargetChanges& changes);
  void remember(const std::string& name);

  const ProcessTable& table_;
  TargetSettings settings_;
  Pid self_;
  std::unique_ptr<ProcessWatch> polled_;
  ProcessWatch* watch_;
  Candidates candidates_;
  std::vector<Pending> pending_;
  std::vector<Target> targets_;
  std::vector<bool> ran_;
  std::unordered_map<std::uint64_t, std::vector<std::string>> groups_;  // paths, by SeenProcess::group
  std::map<std::string, std::string> said_;  // what of whom; forgotten once it is no longer so
  std::vector<std::string> refused_;         // problems of the settings themselves
  std::set<std::string> names_;              // of processes that were compared with the settings; bounded
  bool settings_changed_ = false;
  std::uint64_t looks_ = 0, renewals_ = 0;
  std::uint32_t next_id_ = 1;
  std::vector<Pid> asked_;          // the candidates and the pids that the settings name
  std::vector<Candidate*> shown_;   // beside targets_; elements of the map stay where they are
  bool candidates_changed_ = true;  // asked_ is to be made anew
  bool choice_due_ = true;          // some came or went since targets were chosen
};

}  // namespace tier
