#include "platform/linux/prefetch_machine.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>

#include "platform/linux/clock_time.h"
#include "platform/linux/file.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

constexpr const char* kCpus = "/sys/devices/system/cpu";

// Of the CPU that runs this: leaves that are asked for do not differ between the CPUs of a machine.
bool cpuid_has([[maybe_unused]] const CpuidBit& asked) {
#if defined(__x86_64__)
  unsigned words[4] = {};
  if (__get_cpuid_count(asked.leaf, 0, &words[0], &words[1], &words[2], &words[3]) == 0) return false;
  return asked.word < 4 && asked.bit < 32 && (words[asked.word] >> asked.bit & 1) != 0;
#else
  return false;
#endif
}

std::optional<std::set<int>> read_list(const std::string& path) {
  const auto text = read_file(path);
  const auto list = text ? parse_id_list(trimmed(*text)) : std::nullopt;
  if (!list) return {};
  return std::set<int>(list->begin(), list->end());
}

// Vendor, family and model by CPU, of /proc/cpuinfo; what is not x86 has none.
std::map<int, CpuIdentity> read_identities(std::string_view text) {
  std::map<int, CpuIdentity> all;
  CpuIdentity* now = nullptr;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = trimmed(line.substr(0, colon)), value = trimmed(line.substr(colon + 1));
    const auto number = parse_number(value);
    if (key == "processor" && number && *number < 65536) {
      now = &all[static_cast<int>(*number)];
      now->has = cpuid_has;
    }
    if (now == nullptr) continue;
    if (key == "vendor_id") now->vendor = value;
    if (key == "cpu family" && number) now->family = static_cast<unsigned>(*number);
    if (key == "model" && number) now->model = static_cast<unsigned>(*number);
  }
  return all;
}

// Groups of the CPUs that `list` of each names; a CPU without the file is alone.
std::vector<CpuGroup> read_groups(const std::string& root, const std::set<int>& online, const char* list,
                                  const std::map<int, CpuIdentity>& identities) {
  std::vector<CpuGroup> groups;
  std::set<int> done;
  for (const int cpu : online) {
    if (done.contains(cpu)) continue;
    auto members =
        read_list(under(root, fmt::format("{}/cpu{}/topology/{}", kCpus, cpu, list))).value_or(std::set{cpu});
    members.insert(cpu);
    CpuGroup group{static_cast<std::uint32_t>(cpu), {}, {}};
    for (const int member : members)
      if (online.contains(member) && done.insert(member).second)
        group.cpus.push_back(static_cast<std::uint32_t>(member));
    if (const auto it = identities.find(cpu); it != identities.end()) group.identity = it->second;
    groups.push_back(std::move(group));
  }
  return groups;
}

Result<std::set<int>> read_online(const std::string& root) {
  std::string file = kCpus;  // GCC 12 warns of an overflow in std::string(kCpus) + "/online"
  const std::string path = under(root, file += "/online");
  auto online = read_list(path);
  if (!online || online->empty())
    return fail(ErrorKind::kFailed, path + " names no CPUs", "sysfs must be mounted");
  return *std::move(online);
}

}  // namespace

namespace {

// A device of size 0 has nothing that could be read ahead: a loop or network block device that is not
// attached, a drive without a medium.
bool holds_nothing(const std::filesystem::path& device) {
  return read_number(device / "size") == 0U;  // 512-byte sectors: Documentation/ABI/stable/sysfs-block
}

}  // namespace

std::vector<BlockDevice> read_block_devices(const std::string& root) {
  std::vector<BlockDevice> devices;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(under(root, "/sys/block"), failed)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("ram") || name.starts_with("zram") || holds_nothing(entry.path())) continue;
    const auto text = read_file(entry.path() / "dev");
    if (!text) continue;
    const std::string_view number = trimmed(*text);
    const std::size_t colon = number.find(':');
    if (colon == std::string_view::npos) continue;
    const auto major = parse_number(number.substr(0, colon)), minor = parse_number(number.substr(colon + 1));
    // include/linux/kdev_t.h: twelve bits and twenty.
    if (!major || !minor || *major >= 1U << 12 || *minor >= 1U << 20) continue;
    devices.push_back({name, static_cast<std::uint32_t>(*major), static_cast<std::uint32_t>(*minor)});
  }
  std::sort(devices.begin(), devices.end(),
            [](const BlockDevice& a, const BlockDevice& b) { return a.name < b.name; });
  return devices;
}

Result<MachineState> read_machine_state(const std::string& root) {
  const auto online = TIER_TRY(read_online(root));
  return MachineState{{online.begin(), online.end()},
                      clock_time(CLOCK_BOOTTIME) - clock_time(CLOCK_MONOTONIC)};
}

Result<std::string> read_boot_id(const std::string& root) {
  return read_file(under(root, "/proc/sys/kernel/random/boot_id")).map([](const std::string& text) {
    return std::string(trimmed(text));
  });
}

Result<PrefetchMachine> read_prefetch_machine(const std::string& root) {
  const auto online = TIER_TRY(read_online(root));
  const auto cpuinfo = TIER_TRY(read_file(under(root, "/proc/cpuinfo")));
  auto identities = read_identities(cpuinfo);
  // Hybrid CPUs have a PMU for each kind of core.
  const auto fast = read_list(under(root, "/sys/devices/cpu_core/cpus")),
             small = read_list(under(root, "/sys/devices/cpu_atom/cpus"));
  for (auto& [cpu, identity] : identities) {
    if (fast && fast->contains(cpu)) identity.core = CoreKind::kPerformance;
    if (small && small->contains(cpu)) identity.core = CoreKind::kEfficient;
  }
  PrefetchMachine machine;
  machine.cores = read_groups(root, online, "core_cpus_list", identities);
  machine.modules = read_groups(root, online, "cluster_cpus_list", identities);
  machine.devices = read_block_devices(root);
  const auto swaps = read_file(under(root, "/proc/swaps"));  // a line of headings, one for each area
  machine.swap = swaps && std::count(swaps->begin(), swaps->end(), '\n') > 1;
  return machine;
}

}  // namespace tier
