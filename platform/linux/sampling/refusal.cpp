#include "platform/linux/sampling/refusal.h"

#include <linux/capability.h>

#include <cerrno>
#include <sstream>

#include "platform/linux/capabilities.h"
#include "platform/linux/file.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

// Above this level Debian's and Ubuntu's kernels refuse perf events to everything without CAP_SYS_ADMIN
// (their patch to kernel/events/core.c, perf_paranoid_any()); other kernels take such levels as 2.
constexpr int kHighestUsualLevel = 2;

// "4294967295" identities from 0 to 0 (user_namespaces(7)): the map of the initial user namespace.
constexpr std::uint64_t kAllIdentities = 4294967295;

bool has(const PermissionFacts& facts, int capability) {
  return ((facts.capabilities >> static_cast<unsigned>(capability)) & 1U) != 0;
}

bool maps_every_identity(const std::string& uid_map) {
  std::istringstream text(uid_map);
  std::uint64_t inside = 1, outside = 1, count = 0;
  return text >> inside >> outside >> count && inside == 0 && outside == 0 && count == kAllIdentities;
}

// "none [integrity] confidentiality": the level in brackets is the present one.
std::string lockdown_level(const std::string& text) {
  const std::size_t begin = text.find('['), end = text.find(']');
  return begin == std::string::npos || end == std::string::npos || end < begin
             ? ""
             : text.substr(begin + 1, end - begin - 1);
}

Refusal in_user_namespace() {
  return {
      "this process lives in a user namespace of its own (an unprivileged container), where its "
      "capabilities do not count for this",
      "run tierd on the host, or in a container without a user namespace of its own"};
}

Refusal by_filter(const char* call) {
  return {
      std::string("the needed capabilities are held, so a system call filter or a security module refuses ") +
          call,
      std::string("allow ") + call + " in the container's seccomp profile or the security module's policy"};
}

}  // namespace

PermissionFacts read_permission_facts(const std::string& root) {
  PermissionFacts facts;
  if (const auto status = read_file(under(root, "/proc/self/status")))
    facts.capabilities = effective_capabilities(*status);
  if (const auto level = read_file(under(root, "/proc/sys/kernel/perf_event_paranoid"))) {
    std::istringstream text(*level);
    if (int value = 0; text >> value) facts.perf_event_paranoid = value;
  }
  if (const auto lockdown = read_file(under(root, "/sys/kernel/security/lockdown")))
    facts.lockdown = lockdown_level(*lockdown);
  if (const auto uid_map = read_file(under(root, "/proc/self/uid_map")))
    facts.initial_user_namespace = maps_every_identity(*uid_map);
  return facts;
}

Refusal why_perf_event_refused(const PermissionFacts& facts) {
  if (!facts.initial_user_namespace) return in_user_namespace();
  if (has(facts, CAP_SYS_ADMIN)) return by_filter("perf_event_open");
  if (facts.perf_event_paranoid.value_or(kHighestUsualLevel) > kHighestUsualLevel)
    return {"kernel.perf_event_paranoid is " + std::to_string(*facts.perf_event_paranoid) +
                ", which refuses perf events to everything without CAP_SYS_ADMIN",
            "`tierctl enable perf-events`, or sysctl kernel.perf_event_paranoid=2" +
                std::string(has(facts, CAP_PERFMON) ? "" : "; and grant CAP_PERFMON")};
  if (!has(facts, CAP_PERFMON))
    return {"this process lacks CAP_PERFMON",
            "run as root or grant CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8)"};
  return by_filter("perf_event_open");
}

std::optional<Refusal> why_bpf_refused(int error_number, const PermissionFacts& facts) {
  // kernel/trace/bpf_trace.c: the helper that reads kernel memory is not offered, which the verifier calls an
  // unknown function (EINVAL); older kernels say EPERM.
  const bool refused = error_number == EPERM || error_number == EACCES;
  if (facts.lockdown == "confidentiality" && (refused || error_number == EINVAL))
    return Refusal{
        "the kernel is locked down (lockdown=confidentiality), which forbids BPF programs to read kernel "
        "memory",
        "boot with lockdown=integrity or lockdown=none"};
  if (!refused) return std::nullopt;
  if (!facts.initial_user_namespace) return in_user_namespace();
  if (has(facts, CAP_SYS_ADMIN) || (has(facts, CAP_BPF) && has(facts, CAP_PERFMON))) return by_filter("bpf");
  const std::string missing = has(facts, CAP_BPF)       ? "CAP_PERFMON"
                              : has(facts, CAP_PERFMON) ? "CAP_BPF"
                                                        : "CAP_BPF and CAP_PERFMON";
  return Refusal{"this process lacks " + missing,
                 "run as root or grant CAP_BPF and CAP_PERFMON (CAP_SYS_ADMIN before Linux 5.8)"};
}

Error perf_event_error(int error_number, const PermissionFacts& facts) {
  const std::string message = "perf_event_open: " + errno_text(error_number);
  if (error_number != EACCES && error_number != EPERM) {
    if (error_number == ENOSYS)
      return {ErrorKind::kUnsupported, message, "a kernel with CONFIG_PERF_EVENTS=y"};
    return {ErrorKind::kFailed, message, {}};
  }
  const Refusal refusal = why_perf_event_refused(facts);
  return {ErrorKind::kPermission, message + ": " + refusal.reason, refusal.fix};
}

}  // namespace tier
