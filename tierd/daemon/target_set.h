// Which processes are watched: resolves the configuration's pids, cgroups and executable names to targets,
// tick by tick.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "platform/api/process_table.h"

namespace tier {

struct TargetSettings {
  std::vector<Pid> pids;
  std::vector<std::string> cgroups;      // paths below the hierarchy root, descendants included
  std::vector<std::string> executables;  // base names, exact
  std::vector<std::string> exclude;      // base names never watched, whatever else matches
  // With nothing named above, every process at least this big is watched: smaller ones hold too little to be
  // worth a move.
  Bytes default_minimum = 64_MiB;
  std::size_t limit = 256;  // most targets at once; the biggest win
};

struct TargetChanges {
  std::vector<Target> added;
  std::vector<TargetId> removed;
  std::vector<std::string> problems;  // new ones only, each said once: who cannot be watched, and the fix
};

// Not thread-safe.
class TargetSet {
 public:
  // `self` is never a target: a tiering daemon that tiers itself measures its own work.
  TargetSet(const ProcessTable& table, TargetSettings settings, Pid self);

  // Looks again. A process that exited, whose pid was reused, or that executed another program is removed; in
  // the last two cases what took its place is added under a new id.
  // Without look_for_new only the processes already watched are looked at: cheap enough for every tick.
  TargetChanges refresh(bool look_for_new = true);

  void set_settings(TargetSettings settings) { settings_ = std::move(settings); }

  const std::vector<Target>& targets() const { return targets_; }
  const Target* find(TargetId) const;

 private:
  using Identity = std::pair<Pid, std::uint64_t>;
  bool explicitly_named(Pid pid) const;
  bool wanted(const Target& target) const;
  void note(const std::string& problem, TargetChanges& changes);
  std::vector<Target> look(TargetChanges& changes);
  std::vector<Target> look_at_known() const;

  const ProcessTable& table_;
  TargetSettings settings_;
  Pid self_;
  std::vector<Target> targets_;
  std::map<std::string, bool> said_;
  std::map<Pid, std::uint64_t> kernel_threads_;  // look at which to look again
  std::uint64_t looks_ = 0;
  std::uint32_t next_id_ = 1;
};

}  // namespace tier
