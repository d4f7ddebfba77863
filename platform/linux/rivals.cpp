// Who else moves pages on this machine: LinuxRivalFinder.
#include <unistd.h>

#include <filesystem>
#include <set>

#include "platform/linux/file.h"
#include "platform/linux/machine.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

constexpr const char* kKdamonds = "/sys/kernel/mm/damon/admin/kdamonds";

std::string first_line(const std::string& path) {
  const auto text = read_file(path, 65536);
  return text ? std::string(trimmed(*text)) : std::string();
}

// Scheme actions of one kdamond that move or evict pages; "stat" and the hugepage ones leave them in place.
std::set<std::string> moving_actions(const fs::path& kdamond) {
  static const std::set<std::string> kMoving = {"migrate_hot", "migrate_cold", "pageout", "cold",
                                                "lru_prio",    "lru_deprio",   "willneed"};
  std::set<std::string> found;
  std::error_code error;
  for (fs::directory_iterator context(kdamond / "contexts", error), none; !error && context != none;
       context.increment(error)) {
    std::error_code inner;
    for (fs::directory_iterator scheme(context->path() / "schemes", inner), end; !inner && scheme != end;
         scheme.increment(inner)) {
      const std::string action = first_line((scheme->path() / "action").string());
      if (kMoving.contains(action)) found.insert(action);
    }
  }
  return found;
}

void find_damon(const std::string& root, std::vector<Rival>& rivals) {
  std::error_code error;
  for (fs::directory_iterator it(under(root, kKdamonds), error), end; !error && it != end;
       it.increment(error)) {
    const std::string number = it->path().filename().string();
    if (!parse_number(number) || first_line((it->path() / "state").string()) != "on") continue;
    std::string actions;
    for (const std::string& action : moving_actions(it->path())) {
      if (!actions.empty()) actions += ", ";
      actions += action;
    }
    if (actions.empty()) continue;
    rivals.push_back({"DAMON (kdamond " + number + ": " + actions + ")",
                      "it moves pages too: stop its schemes, or keep tierd in observe mode"});
  }
  for (const char* module : {"damon_reclaim", "damon_lru_sort"}) {
    const std::string enabled =
        first_line(under(root, "/sys/module/" + std::string(module) + "/parameters/enabled"));
    if (enabled == "Y" || enabled == "1")
      rivals.push_back({std::string(module) + " kernel module",
                        "write N to /sys/module/" + std::string(module) + "/parameters/enabled"});
  }
}

void find_processes(const std::string& root, std::vector<Rival>& rivals) {
  std::error_code error;
  std::set<std::string> seen;
  for (fs::directory_iterator it(under(root, "/proc"), error), end; !error && it != end;
       it.increment(error)) {
    const std::string pid = it->path().filename().string();
    if (!parse_number(pid) || pid == std::to_string(::getpid())) continue;
    const std::string name = first_line((it->path() / "comm").string());
    const bool tierd = name == "tierd", other = name == "numad" || name == "memtierd";
    if ((!tierd && !other) || !seen.insert(name).second) continue;
    rivals.push_back({name + " (pid " + pid + ")",
                      tierd ? "a second tierd: stop one of them"
                            : "it moves pages too: stop its service, or keep tierd in observe mode"});
  }
}

}  // namespace

LinuxRivalFinder::LinuxRivalFinder(std::string root) : root_(std::move(root)) {}

std::vector<Rival> LinuxRivalFinder::find() const {
  std::vector<Rival> rivals;
  const auto mode = parse_number(first_line(under(root_, "/proc/sys/kernel/numa_balancing")));
  if (mode && (*mode & 2) != 0) {
    rivals.push_back({"kernel NUMA balancing (tiering mode)", "sysctl kernel.numa_balancing=0"});
  } else if (mode && *mode != 0) {
    rivals.push_back({"kernel NUMA balancing", "sysctl kernel.numa_balancing=0"});
  }
  const std::string demotion = first_line(under(root_, "/sys/kernel/mm/numa/demotion_enabled"));
  if (demotion == "true" || demotion == "1")
    rivals.push_back({"kernel demotion", "echo false > /sys/kernel/mm/numa/demotion_enabled"});
  find_damon(root_, rivals);
  find_processes(root_, rivals);
  return rivals;
}

}  // namespace tier
