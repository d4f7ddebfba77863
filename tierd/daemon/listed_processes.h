// Processes and cgroups from literals, for tests; counts what is read of them.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "core/cgroup_path.h"
#include "platform/api/process_table.h"

namespace tier {

class ListedProcesses final : public ProcessTable {
 public:
  std::map<int, Target> processes;
  std::vector<std::string> cgroups;  // those that exist though nobody is in them
  std::vector<int> forbidden;
  mutable std::uint64_t glances = 0, descriptions = 0, name_reads = 0, group_reads = 0;

  Target& add(int pid, std::string name, Bytes resident = 128_MiB, std::uint64_t start = 1) {
    Target t;
    t.pid = Pid{pid};
    t.name = std::move(name);
    t.resident = resident;
    t.start_time = start;
    t.cgroup = "/";
    return processes[pid] = t;
  }
  Result<std::vector<Pid>> list() const override {
    std::vector<Pid> pids;
    for (const auto& [pid, t] : processes) pids.push_back(Pid{pid});
    return pids;
  }
  Result<Target> describe(Pid pid) const override {
    ++descriptions;
    return find(pid);
  }
  Result<SeenProcess> glance(Pid pid) const override {
    ++glances;
    const auto target = TIER_TRY(find(pid));
    SeenProcess seen;
    seen.pid = pid;
    seen.start_time = target.start_time;
    seen.program = target.program;
    seen.resident = target.resident;
    seen.user_time = target.user_time;
    seen.comm = target.name;
    return seen;
  }
  ProcessNames names(Pid pid) const override {
    ++name_reads;
    const auto target = find(pid);
    return target ? ProcessNames{target->name, target->started_as} : ProcessNames{};
  }
  std::vector<std::string> cgroups_of(Pid pid) const override {
    ++group_reads;
    const auto target = find(pid);
    return target ? std::vector{target->cgroup} : std::vector<std::string>{};
  }
  Result<std::vector<Pid>> in_cgroup(const std::string& path) const override {
    std::vector<Pid> pids;
    for (const auto& [pid, target] : processes)
      if (within_cgroup(target.cgroup, path)) pids.push_back(Pid{pid});
    if (pids.empty() && std::find(cgroups.begin(), cgroups.end(), path) == cgroups.end())
      return fail(ErrorKind::kFailed, "no cgroup " + path, "check [targets] cgroups");
    return pids;
  }
  Result<std::vector<Mapping>> mappings(Pid) const override { return std::vector<Mapping>{}; }
  std::uint64_t mappings_version(Pid) const override { return 0; }
  Result<std::unique_ptr<ProcessHandle>> open(Pid, std::uint64_t) const override {
    return fail(ErrorKind::kFailed, "not here");
  }
  Bytes base_page_size() const override { return 4_KiB; }

 private:
  Result<Target> find(Pid pid) const {
    if (std::find(forbidden.begin(), forbidden.end(), pid.value) != forbidden.end()) {
      return fail(ErrorKind::kPermission, "process " + std::to_string(pid.value) + " may not be read",
                  "CAP_SYS_PTRACE");
    }
    const auto it = processes.find(pid.value);
    if (it == processes.end()) return fail(ErrorKind::kFailed, "no process " + std::to_string(pid.value));
    return it->second;
  }
};

}  // namespace tier
