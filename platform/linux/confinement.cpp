#include "platform/linux/confinement.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "platform/linux/file.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

// Inode numbers of the first namespaces, PROC_PID_INIT_INO and PROC_USER_INIT_INO of linux/proc_ns.h.
constexpr const char* kFirstPidNamespace = "pid:[4026531836]";
constexpr const char* kFirstUserNamespace = "user:[4026531837]";

std::string link_target(const std::string& path) {
  std::array<char, 256> buffer;
  const ssize_t n = ::readlink(path.c_str(), buffer.data(), buffer.size());
  return n > 0 ? std::string(buffer.data(), static_cast<std::size_t>(n)) : std::string{};
}

std::vector<int> ids_in(std::string_view text) { return parse_id_list(text).value_or(std::vector<int>{}); }

Confinement pid_namespace(const std::string& root) {
  const std::string own = link_target(under(root, "/proc/self/ns/pid"));
  if (own.empty()) return {"PID namespace", false, "not known", ""};
  if (own == kFirstPidNamespace) return {"PID namespace", false, "the host's: all processes can be seen", ""};
  return {"PID namespace", true, "a container's (" + own + "): only its own processes can be watched",
          "to watch the whole host run tierd in its PID namespace (docker: --pid=host; Kubernetes: hostPID)"};
}

Confinement user_namespace(const std::string& root) {
  const std::string own = link_target(under(root, "/proc/self/ns/user"));
  if (own.empty()) return {"user namespace", false, "not known", ""};
  if (own == kFirstUserNamespace) return {"user namespace", false, "the host's", ""};
  return {"user namespace", true,
          "a container's (" + own + "): its capabilities count for nothing where BPF programs are loaded",
          "run tierd in the host's user namespace (rootful containers have it)"};
}

// Nodes with memory that the cpuset leaves out.
Confinement memory_nodes(const std::string& root) {
  const auto all = read_file(under(root, "/sys/devices/system/node/has_memory"), 4096);
  const auto status = read_file(under(root, "/proc/self/status"));
  const auto allowed = status ? status_field(*status, "Mems_allowed_list") : std::nullopt;
  if (!all || !allowed) return {"memory nodes", false, "not known", ""};
  std::vector<int> missing;
  const std::vector<int> own = ids_in(*allowed);
  for (const int node : ids_in(trimmed(*all)))
    if (std::find(own.begin(), own.end(), node) == own.end()) missing.push_back(node);
  if (missing.empty()) return {"memory nodes", false, "all may be used", ""};
  return {"memory nodes", true,
          fmt::format("this process may not use node {} (its cpuset has {}): no page can be moved there",
                      fmt::join(missing, ", "), trimmed(*allowed)),
          "give its cgroup all nodes: AllowedMemoryNodes= of the unit, or cpuset.mems of a container"};
}

// "none [integrity] confidentiality": the one in brackets holds (kernel_lockdown(7)).
Confinement lockdown(const std::string& root) {
  const auto text = read_file(under(root, "/sys/kernel/security/lockdown"), 4096);
  if (!text) return {"kernel lockdown", false, "none: the kernel does not have it", ""};
  const std::size_t begin = text->find('['), end = text->find(']');
  const std::string mode = begin == std::string::npos || end == std::string::npos || end < begin
                               ? "unknown"
                               : text->substr(begin + 1, end - begin - 1);
  if (mode == "none") return {"kernel lockdown", false, "none", ""};
  if (mode != "confidentiality")
    return {"kernel lockdown", true, mode + ": registers of hardware prefetchers cannot be written", ""};
  return {"kernel lockdown", true,
          "confidentiality: BPF programs may not read the kernel's memory, so nothing can be sampled",
          "boot with lockdown=integrity, or without lockdown="};
}

}  // namespace

std::vector<NodeId> own_memory_nodes(const std::string& root) {
  std::vector<NodeId> nodes;
  const auto status = read_file(under(root, "/proc/self/status"));
  const auto allowed = status ? status_field(*status, "Mems_allowed_list") : std::nullopt;
  if (allowed)
    for (const int node : ids_in(*allowed)) nodes.push_back({node});
  return nodes;
}

std::vector<Confinement> read_confinement(const std::string& root) {
  return {pid_namespace(root), user_namespace(root), memory_nodes(root), lockdown(root)};
}

}  // namespace tier
