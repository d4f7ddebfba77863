#include "platform/linux/page_pools.h"

#include <fmt/format.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <bit>
#include <cinttypes>
#include <cstdio>
#include <filesystem>

#include "platform/linux/file.h"
#include "platform/linux/machine.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSizes = "/sys/kernel/mm/hugepages";
// A mapping may be replaced by another one at its address: what was read holds for so long.
constexpr Nanoseconds kAnswerKept = std::chrono::seconds(10);

std::uint64_t device_number(std::uint64_t major, std::uint64_t minor) { return major << 32 | minor; }

// "hugepages-2048kB" names a pool of pages of 2 MiB.
std::optional<Bytes> size_of_folder(std::string_view name) {
  constexpr std::string_view kPrefix = "hugepages-", kSuffix = "kB";
  if (!name.starts_with(kPrefix) || !name.ends_with(kSuffix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  name.remove_suffix(kSuffix.size());
  const auto kilobytes = parse_number(name);
  if (!kilobytes || *kilobytes == 0 || *kilobytes > (1ULL << 40)) return std::nullopt;
  return Bytes{*kilobytes << 10};
}

// The device of the mount that the kernel keeps for memory of this page size without a file name
// (MAP_HUGETLB, memfd_create, shmget), as a file that is never written shows it.
std::optional<std::uint64_t> own_device(Bytes size) {
  if (!std::has_single_bit(size.value)) return std::nullopt;
  const auto log2 = static_cast<unsigned>(std::countr_zero(size.value));
  const FileDescriptor file(
      ::memfd_create("tierd-page-size", MFD_CLOEXEC | MFD_HUGETLB | log2 << MFD_HUGE_SHIFT));
  struct stat facts {};
  if (!file.valid() || ::fstat(file.get(), &facts) != 0) return std::nullopt;
  return device_number(major(facts.st_dev), minor(facts.st_dev));
}

// "pagesize=1024M" among the options of a mount; nothing where that is no size of a page.
std::optional<Bytes> page_size_option(std::string_view options) {
  constexpr std::string_view kKey = "pagesize=";
  const std::size_t at = options.find(kKey);
  if (at == std::string_view::npos) return std::nullopt;
  options.remove_prefix(at + kKey.size());
  const std::size_t digits = options.find_first_not_of("0123456789");
  const auto number = parse_number(options.substr(0, digits));
  if (!number || digits == std::string_view::npos || *number > (1ULL << 30)) return std::nullopt;
  const std::size_t unit = std::string_view("KMG").find(options[digits]);
  if (!std::has_single_bit(*number) || unit == std::string_view::npos) return std::nullopt;
  return Bytes{*number << (10 * (unit + 1))};
}

// Calls `use` with each line; it returns false to end.
template <typename Use>
void each_line(std::string_view text, Use use) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (!use(text.substr(0, end))) return;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

// "36 25 0:31 / /dev/hugepages rw,relatime shared:5 - hugetlbfs hugetlbfs rw,pagesize=2M" (proc(5)).
std::map<std::uint64_t, Bytes> parse_pool_mounts(std::string_view mountinfo) {
  std::map<std::uint64_t, Bytes> found;
  each_line(mountinfo, [&](std::string_view line) {
    const std::size_t type = line.find(" - hugetlbfs ");
    unsigned major_number = 0, minor_number = 0;
    if (type != std::string_view::npos && std::sscanf(std::string(line.substr(0, 64)).c_str(),
                                                      "%*u %*u %u:%u", &major_number, &minor_number) == 2) {
      if (const auto size = page_size_option(line.substr(type)))
        found[device_number(major_number, minor_number)] = *size;
    }
    return true;
  });
  return found;
}

std::optional<MappedDevice> find_mapped_device(std::string_view maps, Address address) {
  std::optional<MappedDevice> found;
  each_line(maps, [&](std::string_view line) {
    std::uint64_t start = 0, end = 0;
    unsigned major_number = 0, minor_number = 0;
    // The fixed fields come first, so a cut never takes from them.
    const std::string fields(line.substr(0, 128));
    if (std::sscanf(fields.c_str(), "%" SCNx64 "-%" SCNx64 " %*4s %*x %x:%x", &start, &end, &major_number,
                    &minor_number) != 4)
      return true;
    if (address >= end) return true;
    if (address >= start) found = MappedDevice{{start, end}, device_number(major_number, minor_number)};
    return false;
  });
  return found;
}

LinuxPagePools::LinuxPagePools(std::string root) : root_(std::move(root)) {
  std::error_code error;
  for (fs::directory_iterator it(under(root_, kSizes), error), end; !error && it != end;
       it.increment(error)) {
    const auto size = size_of_folder(it->path().filename().string());
    if (!size) continue;
    if (const auto device = own_device(*size)) own_devices_[*device] = *size;
  }
}

LinuxPagePools::Answer LinuxPagePools::look_up(Pid pid, Address address, Nanoseconds now) const {
  Answer answer{pid, {address, address + 1}, Bytes{0}, now + kAnswerKept};
  const std::string process = "/proc/" + std::to_string(pid.value);
  const auto maps = read_file(under(root_, process + "/maps"));
  const auto mapped = maps ? find_mapped_device(*maps, address) : std::nullopt;
  if (!mapped) return answer;
  answer.range = mapped->range;
  auto devices = own_devices_;
  if (const auto mounts = read_file(under(root_, process + "/mountinfo")))
    devices.merge(parse_pool_mounts(*mounts));
  if (const auto it = devices.find(mapped->device); it != devices.end()) answer.size = it->second;
  return answer;
}

std::optional<PooledPages> LinuxPagePools::at(Pid pid, Address address, NodeId node) const {
  if (node.value < 0) return std::nullopt;
  const Nanoseconds now = MonotonicClock().now();
  Answer answer;
  {
    std::lock_guard lock(mutex_);
    answer = last_;
  }
  if (answer.pid != pid || !answer.range.contains(address) || now >= answer.until) {
    answer = look_up(pid, address, now);
    std::lock_guard lock(mutex_);
    last_ = answer;
  }
  if (answer.size.value == 0) return std::nullopt;
  const std::string pool = fmt::format("/sys/devices/system/node/node{}/hugepages/hugepages-{}kB", node.value,
                                       answer.size.value >> 10);
  const std::uint64_t free = read_number(under(root_, pool + "/free_hugepages")).value_or(0);
  return PooledPages{answer.size, free, "write a larger number to " + pool + "/nr_hugepages"};
}

}  // namespace tier
