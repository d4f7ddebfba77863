// Why the kernel refused a perf event or a BPF program, and what would really help. "Run as root" is no
// advice to a process that is root.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/result.h"

namespace tier {

// What decides on it.
struct PermissionFacts {
  std::uint64_t capabilities = 0;          // effective ones, one bit each (capabilities(7))
  std::optional<int> perf_event_paranoid;  // kernel.perf_event_paranoid; nothing when it cannot be read
  std::string lockdown;  // "none", "integrity" or "confidentiality"; empty when it cannot be read
  bool initial_user_namespace = true;  // else capabilities count for nothing outside of the namespace

  bool operator==(const PermissionFacts&) const = default;
};

// Reads /proc/self/status, /proc/self/uid_map, /proc/sys/kernel/perf_event_paranoid and
// /sys/kernel/security/lockdown below `root`. What cannot be read is left at its default; never fails.
PermissionFacts read_permission_facts(const std::string& root = "");

// The reason of a refusal and its true fix. Pure.
struct Refusal {
  std::string reason;  // a clause, to go behind a colon
  std::string fix;
};
// For perf_event_open(2) that failed with EACCES or EPERM.
Refusal why_perf_event_refused(const PermissionFacts& facts);
// For bpf(2) that failed with `error_number`; nothing where the facts do not explain it (a missing kernel
// feature).
std::optional<Refusal> why_bpf_refused(int error_number, const PermissionFacts& facts);

// The whole error of a perf_event_open(2) that failed with `error_number`.
Error perf_event_error(int error_number, const PermissionFacts& facts);

}  // namespace tier
