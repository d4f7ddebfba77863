// What the guest kernel says about itself, read once a period.
#pragma once

#include <sys/types.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tier::lab {

// Whole text of a small /proc or /sys file; empty when it cannot be read.
std::string read_text(const std::string& path);
// True when `text` was written whole; the kernel's refusal is in errno.
bool write_text(const std::string& path, const std::string& text);

double uptime_seconds();

// {"nodes":[{"total_kib","free_kib","read_latency","tier",…}], "tiers":{"memory_tier4":"0"}, "release":…}
nlohmann::json machine_facts();
// Free KiB of every node, in node order.
nlohmann::json node_free_kib();
// The migration counters of /proc/vmstat that exist on this kernel, in base pages.
nlohmann::json migration_counters();
// [[start, end], …] of the process's mappings, neighbours joined; empty when it is gone.
nlohmann::json process_maps(pid_t pid);
// Bytes of the process resident on each node, by /proc/PID/numa_maps.
nlohmann::json process_node_kib(pid_t pid);
// CPU seconds of all threads of a process, exact where the kernel keeps schedstat.
double process_cpu_seconds(pid_t pid);
// The same of a process and all that descend from it, ended ones included where somebody has waited for them.
double family_cpu_seconds(pid_t pid);
// Pids of kernel threads whose name starts with one of `prefixes`.
std::vector<pid_t> kernel_threads(const std::vector<std::string>& prefixes);

}  // namespace tier::lab
