#include "tierd/daemon/unmatched.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/cgroup_path.h"
#include "core/printable.h"
#include "tierd/config/keys.h"

namespace tier {
namespace {

constexpr std::size_t kMostProcesses = 32768;  // about 10 µs each

std::set<std::string> names_of_all(const ProcessTable& table) {
  std::set<std::string> names;
  auto pids = table.list();
  if (!pids) return names;
  pids->resize(std::min(pids->size(), kMostProcesses));
  for (const Pid pid : *pids) {
    const ProcessNames of = table.names(pid);
    for (const std::string& name : {of.file, of.started_as})
      if (!name.empty()) names.insert(name);
  }
  return names;
}

}  // namespace

std::string unmatched_executable(const std::string& name, const std::set<std::string>& seen) {
  const std::string quoted = fmt::format("\"{}\"", escaped_short(name));
  if (seen.contains(name))
    return fmt::format(
        "targets.executables: no process called {} is watched: those seen have ended, or targets.exclude "
        "names them",
        quoted);
  const std::string nearest = nearest_name(name, {seen.begin(), seen.end()});
  return fmt::format(
      "targets.executables: no process is called {}; it was compared with the base name of the file that "
      "each process runs and with the name that it was started by{}",
      quoted, nearest.empty() ? "" : fmt::format("; the nearest is \"{}\"", escaped_short(nearest)));
}

std::string unmatched_cgroup(const std::string& cgroup) {
  return fmt::format(
      "targets.cgroups: no process is in the control group \"{}\" or below it; it was looked up from the "
      "root of the hierarchy",
      escaped_short(cgroup, 200));
}

std::string unmatched_pid(Pid pid) {
  return fmt::format("targets.pids: there is no process {} with memory of its own", pid.value);
}

std::vector<std::string> unmatched_targets(const TargetSettings& settings, const ProcessTable& table) {
  std::vector<std::string> out;
  if (!settings.executables.empty()) {
    const std::set<std::string> names = names_of_all(table);
    for (const std::string& name : settings.executables)
      if (!names.contains(name)) out.push_back(unmatched_executable(name, names));
  }
  for (const std::string& cgroup : settings.cgroups) {
    const auto inside = table.in_cgroup(cgroup);
    if (!inside || inside->empty()) out.push_back(unmatched_cgroup(cgroup));
  }
  for (const Pid pid : settings.pids)
    if (!table.describe(pid).has_value()) out.push_back(unmatched_pid(pid));
  return out;
}

}  // namespace tier
