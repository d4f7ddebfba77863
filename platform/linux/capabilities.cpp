#include "platform/linux/capabilities.h"

#include <linux/capability.h>
#include <sys/utsname.h>

#include <charconv>
#include <cstdint>

#include "platform/linux/file.h"
#include "platform/linux/proc_text.h"

namespace tier {

const std::vector<CapabilityUse>& capability_table() {
  static const std::vector<CapabilityUse> table = {
      {CAP_BPF, "CAP_BPF", "loading the sampling programs (Linux 5.8; CAP_SYS_ADMIN before)", ""},
      {CAP_PERFMON, "CAP_PERFMON", "attaching them to ticks and perf events", ""},
      {CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "reading other users' mappings, moving their pages", ""},
      {CAP_SYS_NICE, "CAP_SYS_NICE", "moving pages that several processes share; advice on others' memory",
       ""},
      {CAP_SYS_RAWIO, "CAP_SYS_RAWIO", "writing the registers of hardware prefetchers", "prefetch-hardware"},
      // Debian's kernels ask for it where the setting is 3; perf_event_open(2) knows values up to 2 alone.
      {CAP_SYS_ADMIN, "CAP_SYS_ADMIN", "perf events where kernel.perf_event_paranoid is above 2",
       "perf-events-admin"},
  };
  return table;
}

std::uint64_t effective_capabilities(const std::string& status_text) {
  const auto field = status_field(status_text, "CapEff");
  if (!field) return 0;
  const auto text = trimmed(*field);
  std::uint64_t mask = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mask, 16);
  return error == std::errc{} && end == text.data() + text.size() ? mask : 0;
}

std::vector<CapabilityState> read_capabilities(const std::string& root) {
  std::uint64_t mask = 0;
  if (const auto status = read_file(under(root, "proc/self/status"))) mask = effective_capabilities(*status);
  std::vector<CapabilityState> states;
  for (const CapabilityUse& use : capability_table())
    if (*use.option == '\0') states.push_back({use.name, ((mask >> use.bit) & 1) != 0, use.needed_for});
  return states;
}

std::string kernel_release() {
  utsname names{};
  return uname(&names) == 0 ? names.release : "unknown";
}

}  // namespace tier
