#include "tools/tier-lab/agent/facts.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>

#include "platform/api/file_descriptor.h"

namespace tier::lab {
namespace fs = std::filesystem;
using nlohmann::json;

std::string read_text(const std::string& path) {
  std::string text;
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return text;
  char chunk[8192];
  for (ssize_t got; (got = read(file.get(), chunk, sizeof chunk)) > 0;)
    text.append(chunk, static_cast<std::size_t>(got));
  return text;
}

bool write_text(const std::string& path, const std::string& text) {
  const FileDescriptor file(open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file.valid() && write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

double uptime_seconds() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

namespace {

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  return text;
}

// The number after "KEY:" in a meminfo-like text; -1 when the key is not there.
long long number_after(const std::string& text, const std::string& key) {
  const std::size_t at = text.find(key);
  return at == std::string::npos ? -1 : std::atoll(text.c_str() + at + key.size());
}

std::vector<int> memory_nodes() {
  std::vector<int> nodes;
  for (int node = 0; node < 64; ++node)
    if (fs::exists("/sys/devices/system/node/node" + std::to_string(node))) nodes.push_back(node);
  return nodes;
}

std::vector<pid_t> numbers_in(const std::string& folder) {
  std::vector<pid_t> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    if (std::isdigit(static_cast<unsigned char>(name[0]))) found.push_back(std::atoi(name.c_str()));
  }
  return found;
}

}  // namespace

json machine_facts() {
  json facts;
  utsname names{};
  uname(&names);
  facts["release"] = names.release;
  for (int node : memory_nodes()) {
    const std::string folder = "/sys/devices/system/node/node" + std::to_string(node);
    const std::string meminfo = read_text(folder + "/meminfo");
    facts["nodes"].push_back(
        {{"node", node},
         {"total_kib", number_after(meminfo, "MemTotal:")},
         {"free_kib", number_after(meminfo, "MemFree:")},
         {"cpus", trimmed(read_text(folder + "/cpulist"))},
         {"distance", trimmed(read_text(folder + "/distance"))},
         {"read_latency", trimmed(read_text(folder + "/access0/initiators/read_latency"))},
         {"read_bandwidth", trimmed(read_text(folder + "/access0/initiators/read_bandwidth"))}});
  }
  facts["tiers"] = json::object();
  std::error_code none;
  for (const auto& entry : fs::directory_iterator("/sys/devices/virtual/memory_tiering", none)) {
    const std::string list = trimmed(read_text(entry.path().string() + "/nodelist"));
    if (!list.empty()) facts["tiers"][entry.path().filename().string()] = list;
  }
  return facts;
}

json node_free_kib() {
  json free = json::array();
  for (int node : memory_nodes())
    free.push_back(number_after(
        read_text("/sys/devices/system/node/node" + std::to_string(node) + "/meminfo"), "MemFree:"));
  return free;
}

json migration_counters() {
  static constexpr const char* kPrefixes[] = {"pgpromote_", "pgdemote_",      "pgmigrate_",
                                              "numa_",      "thp_migration_", "thp_split_page "};
  json counters = json::object();
  std::istringstream text(read_text("/proc/vmstat"));
  for (std::string line; std::getline(text, line);) {
    const bool wanted = std::any_of(std::begin(kPrefixes), std::end(kPrefixes),
                                    [&](const char* p) { return line.starts_with(p); });
    const std::size_t space = line.find(' ');
    if (wanted && space != std::string::npos)
      counters[line.substr(0, space)] = std::atoll(line.c_str() + space);
  }
  return counters;
}

json process_maps(pid_t pid) {
  json maps = json::array();
  unsigned long long last_start = 0, last_end = 0;
  std::istringstream text(read_text("/proc/" + std::to_string(pid) + "/maps"));
  for (std::string line; std::getline(text, line);) {
    unsigned long long start = 0, end = 0;
    if (std::sscanf(line.c_str(), "%llx-%llx", &start, &end) != 2 || start >> 63 != 0) continue;
    if (start == last_end && last_end != 0) {
      last_end = end;
      continue;
    }
    if (last_end != 0) maps.push_back({last_start, last_end});
    last_start = start;
    last_end = end;
  }
  if (last_end != 0) maps.push_back({last_start, last_end});
  return maps;
}

json process_node_kib(pid_t pid) {
  std::vector<long long> kib(memory_nodes().size(), 0);
  std::istringstream text(read_text("/proc/" + std::to_string(pid) + "/numa_maps"));
  for (std::string line; std::getline(text, line);) {
    const long long size = number_after(line, "kernelpagesize_kB=");
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      unsigned node = 0;
      long long pages = 0;
      if (std::sscanf(word.c_str(), "N%u=%lld", &node, &pages) == 2 && node < kib.size())
        kib[node] += pages * std::max(size, 4LL);
    }
  }
  return kib;
}

double process_cpu_seconds(pid_t pid) {
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  double total = 0;
  for (pid_t thread : numbers_in(tasks)) {
    const std::string stat = read_text(tasks + "/" + std::to_string(thread) + "/schedstat");
    if (!stat.empty()) {
      total += static_cast<double>(std::atoll(stat.c_str())) / 1e9;
      continue;
    }
    // Without schedstat: utime and stime, the 14th and 15th field, in clock ticks.
    const std::string line = read_text(tasks + "/" + std::to_string(thread) + "/stat");
    const std::size_t after = line.rfind(')');
    unsigned long long user = 0, system = 0;
    if (after != std::string::npos &&
        std::sscanf(line.c_str() + after + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu", &user,
                    &system) == 2)
      total += static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  return total;
}

double family_cpu_seconds(pid_t pid) {
  struct Member {
    pid_t parent = 0;
    long long waited_for = 0;  // clock ticks of ended children
  };
  std::map<pid_t, Member> all;
  for (const pid_t process : numbers_in("/proc")) {
    const std::string line = read_text("/proc/" + std::to_string(process) + "/stat");
    const std::size_t after = line.rfind(')');
    long long user = 0, system = 0;
    Member member;
    // The parent, and cutime and cstime: the 4th, 16th and 17th field.
    if (after != std::string::npos &&
        std::sscanf(line.c_str() + after + 2, "%*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %lld %lld",
                    &member.parent, &user, &system) == 3) {
      member.waited_for = user + system;
      all[process] = member;
    }
  }
  double total = 0;
  for (const auto& [process, member] : all) {
    pid_t ancestor = process;
    for (std::size_t steps = 0; ancestor != pid && steps < all.size(); ++steps) {
      const auto found = all.find(ancestor);
      if (found == all.end()) break;
      ancestor = found->second.parent;
    }
    if (ancestor == pid)
      total += process_cpu_seconds(process) +
               static_cast<double>(member.waited_for) / static_cast<double>(sysconf(_SC_CLK_TCK));
  }
  return total;
}

std::vector<pid_t> kernel_threads(const std::vector<std::string>& prefixes) {
  std::vector<pid_t> found;
  for (pid_t pid : numbers_in("/proc")) {
    const std::string name = read_text("/proc/" + std::to_string(pid) + "/comm");
    if (std::any_of(prefixes.begin(), prefixes.end(),
                    [&](const std::string& p) { return name.starts_with(p); }) &&
        read_text("/proc/" + std::to_string(pid) + "/cmdline").empty())
      found.push_back(pid);
  }
  return found;
}

}  // namespace tier::lab
