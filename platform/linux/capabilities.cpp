#include "platform/linux/capabilities.h"

#include <linux/capability.h>
#include <sys/utsname.h>

#include <charconv>
#include <cstdint>

#include "platform/linux/file.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

struct Needed {
  int bit;
  const char* name;
  const char* purpose;
};

constexpr Needed kNeeded[] = {
    {CAP_BPF, "CAP_BPF", "loading the sampling programs (Linux 5.8; CAP_SYS_ADMIN before)"},
    {CAP_PERFMON, "CAP_PERFMON", "attaching them to ticks and perf events"},
    {CAP_SYS_PTRACE, "CAP_SYS_PTRACE", "reading other users' mappings, moving their pages"},
    {CAP_SYS_NICE, "CAP_SYS_NICE", "moving pages that several processes share"},
};

}  // namespace

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
  for (const auto& needed : kNeeded)
    states.push_back({needed.name, ((mask >> needed.bit) & 1) != 0, needed.purpose});
  return states;
}

std::string kernel_release() {
  utsname names{};
  return uname(&names) == 0 ? names.release : "unknown";
}

}  // namespace tier
