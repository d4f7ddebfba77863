#include "platform/linux/proc_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>

#include "core/cgroup_path.h"
#include "core/printable.h"

namespace tier {
namespace {

constexpr int kMostIds = 65535;

// Cuts the first line off `text`.
std::string_view next_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// Cuts the first blank-separated word off `text`.
std::string_view next_word(std::string_view& text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) {
    text = {};
    return {};
  }
  text.remove_prefix(begin);
  const std::size_t end = text.find_first_of(" \t");
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end);
  return word;
}

template <typename T>
std::optional<T> whole_number(std::string_view text, int base) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<AddressRange> parse_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto start = whole_number<std::uint64_t>(text.substr(0, dash), 16);
  const auto end = whole_number<std::uint64_t>(text.substr(dash + 1), 16);
  if (!start || !end || *end <= *start) return std::nullopt;
  return AddressRange{*start, *end};
}

bool kernel_only(std::string_view name) {
  return name == "[vdso]" || name.starts_with("[vvar") || name == "[vsyscall]" || name == "[vectors]";
}

// Memory that processes share without a file on a disk behind it.
bool shared_memory(std::string_view name) {
  return name.starts_with("/dev/shm/") || name.starts_with("/memfd:") || name.starts_with("/SYSV") ||
         name.starts_with("/dev/zero") || name.starts_with("[anon_shmem:") ||
         name.starts_with("/anon_hugepage");
}

// "103:02" → major << 32 | minor.
std::optional<std::uint64_t> device_number(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto major = whole_number<std::uint32_t>(text.substr(0, colon), 16);
  const auto minor = whole_number<std::uint32_t>(text.substr(colon + 1), 16);
  if (!major || !minor) return std::nullopt;
  return static_cast<std::uint64_t>(*major) << 32 | *minor;
}

std::optional<Mapping> parse_map_line(std::string_view line) {
  const auto range = parse_range(next_word(line));
  const std::string_view permissions = next_word(line);
  const auto offset = whole_number<std::uint64_t>(next_word(line), 16);
  const std::string_view device = next_word(line);
  const auto inode = parse_number(next_word(line));
  if (!range || permissions.size() != 4 || !offset || device.find(':') == std::string_view::npos || !inode)
    return std::nullopt;
  Mapping mapping;
  mapping.range = *range;
  mapping.readable = permissions[0] == 'r';
  mapping.writable = permissions[1] == 'w';
  mapping.executable = permissions[2] == 'x';
  mapping.shared = permissions[3] == 's';
  // A name may end with blanks: only a newline cannot be in it.
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  mapping.name = line;
  mapping.backing = backing_of(mapping.name, mapping.shared, *inode);
  if (const auto number = device_number(device)) set_object(mapping, {*number, *inode}, *offset);
  return mapping;
}

}  // namespace

Backing backing_of(std::string_view name, bool shared, std::uint64_t inode) {
  if (shared_memory(name) || (shared && inode == 0)) return Backing::kShared;
  return inode != 0 ? Backing::kFile : Backing::kAnonymous;
}

void set_object(Mapping& mapping, MemoryObject object, std::uint64_t offset) {
  if (object.inode == 0 || mapping.name.starts_with("anon_inode:")) return;
  if (!mapping.shared && mapping.writable) return;
  mapping.object = object;
  mapping.offset = offset;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  return whole_number<std::uint64_t>(text, 10);
}

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::optional<std::vector<int>> parse_id_list(std::string_view text) {
  text = trimmed(text);
  std::vector<int> ids;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view part = text.substr(0, comma);
    const std::size_t dash = part.find('-');
    const auto first = parse_number(part.substr(0, dash));
    const auto last = dash == std::string_view::npos ? first : parse_number(part.substr(dash + 1));
    if (!first || !last || *last < *first || *last > kMostIds) return std::nullopt;
    // Kernel lists ascend; insisting on it bounds what a hostile list can make of a few bytes.
    if (!ids.empty() && *first <= static_cast<std::uint64_t>(ids.back())) return std::nullopt;
    for (std::uint64_t id = *first; id <= *last; ++id) ids.push_back(static_cast<int>(id));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
    if (text.empty()) return std::nullopt;
  }
  return ids;
}

std::optional<ProcStat> parse_stat(std::string_view text) {
  // The name is bracketed and may hold brackets itself: it ends at the last one.
  const std::size_t open = text.find('('), close = text.rfind(')');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return std::nullopt;
  const auto pid = parse_number(trimmed(text.substr(0, open)));
  if (!pid || *pid > 0x7fffffff) return std::nullopt;
  ProcStat stat;
  stat.pid = static_cast<int>(*pid);
  stat.comm = text.substr(open + 1, close - open - 1);
  std::string_view rest = trimmed(text.substr(close + 1));
  const std::string_view state = next_word(rest);
  if (state.size() != 1) return std::nullopt;
  stat.state = state[0];
  // Numbered as in proc(5), which counts from 1. The later ones are 0 where the reader may not see them.
  constexpr std::size_t kUserTime = 14, kThreads = 20, kStartTime = 22, kResident = 24, kStartCode = 26,
                        kEndCode = 27, kStartStack = 28;
  std::array<std::optional<std::uint64_t>, kStartStack + 1> fields;
  for (std::size_t field = 4; field <= kStartStack; ++field) fields[field] = parse_number(next_word(rest));
  if (!fields[kUserTime] || !fields[kStartTime]) return std::nullopt;
  stat.user_time = *fields[kUserTime];
  stat.start_time = *fields[kStartTime];
  stat.threads = fields[kThreads].value_or(0);
  stat.resident_pages = fields[kResident].value_or(0);
  // Not where the arguments lie: programs that set their own title move them (PR_SET_MM_ARG_START).
  for (const std::size_t field : {kStartCode, kEndCode, kStartStack}) {
    const std::uint64_t place = fields[field].value_or(0);
    if (place > 1) stat.program = (stat.program ^ place) * 0x9E3779B97F4A7C15ULL;  // 1: not permitted
  }
  return stat;
}

std::optional<std::string_view> status_field(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ':')
      return trimmed(line.substr(key.size() + 1));
  }
  return std::nullopt;
}

namespace {

// "4417752 kB" → bytes.
std::optional<Bytes> parse_kilobytes(std::string_view text) {
  text = trimmed(text);
  const std::size_t unit = text.find(" kB");
  if (unit == std::string_view::npos || unit + 3 != text.size()) return std::nullopt;
  const auto kilobytes = parse_number(trimmed(text.substr(0, unit)));
  if (!kilobytes || *kilobytes > UINT64_MAX / 1024) return std::nullopt;
  return Bytes{*kilobytes * 1024};
}

}  // namespace

std::optional<Bytes> status_bytes(std::string_view text, std::string_view key) {
  const auto value = status_field(text, key);
  return value ? parse_kilobytes(*value) : std::nullopt;
}

namespace {

// Paths of one process: of the memory controller of the first version, and of the second.
struct CgroupPaths {
  std::optional<std::string> memory, unified;
};

CgroupPaths cgroup_paths(std::string_view text) {
  CgroupPaths paths;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos || second + 1 >= line.size() || line[second + 1] != '/') continue;
    const std::string path(line.substr(second + 1));
    std::string_view controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) paths.unified = path;
    while (!controllers.empty()) {
      const std::size_t comma = controllers.find(',');
      if (controllers.substr(0, comma) == "memory" && !paths.memory) paths.memory = path;
      controllers.remove_prefix(comma == std::string_view::npos ? controllers.size() : comma + 1);
    }
  }
  return paths;
}

}  // namespace

std::optional<std::string> parse_cgroup(std::string_view text) {
  CgroupPaths paths = cgroup_paths(text);
  if (paths.memory && paths.unified && within_cgroup(*paths.unified, *paths.memory)) return paths.unified;
  return paths.memory ? paths.memory : paths.unified;
}

std::vector<std::string> parse_cgroups(std::string_view text) {
  CgroupPaths paths = cgroup_paths(text);
  std::vector<std::string> out;
  if (paths.memory) out.push_back(*paths.memory);
  if (paths.unified && paths.unified != paths.memory) out.push_back(*paths.unified);
  return out;
}

std::string file_base_name(std::string_view link) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (link.ends_with(kDeleted)) link.remove_suffix(kDeleted.size());
  return std::string(link.substr(link.rfind('/') + 1));
}

std::string started_as(std::string_view command_line) {
  constexpr std::size_t kLongestName = 255;  // NAME_MAX of linux/limits.h
  command_line = command_line.substr(0, command_line.find_first_of(std::string_view("\0 \t\n", 4)));
  command_line.remove_prefix(command_line.rfind('/') + 1);
  if (command_line.starts_with('-')) command_line.remove_prefix(1);
  if (command_line.ends_with(':')) command_line.remove_suffix(1);
  return std::string(command_line.substr(0, kLongestName));
}

Result<std::vector<Mapping>> parse_maps(std::string_view text) {
  std::vector<Mapping> mappings;
  while (!text.empty()) {
    const std::string_view line = next_line(text);
    if (line.empty()) continue;
    auto mapping = parse_map_line(line);
    if (!mapping)
      return fail(ErrorKind::kFailed, "maps: cannot read the line \"" + escaped_short(line) + "\"");
    if (!kernel_only(mapping->name)) mappings.push_back(std::move(*mapping));
  }
  std::sort(mappings.begin(), mappings.end(),
            [](const Mapping& a, const Mapping& b) { return a.range.start < b.range.start; });
  return mappings;
}

std::vector<Address> parse_own_policies(std::string_view text) {
  std::vector<Address> starts;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    const auto start = whole_number<std::uint64_t>(next_word(line), 16);
    const std::string_view policy = next_word(line);
    if (start && !policy.empty() && policy != "default" && policy != "local") starts.push_back(*start);
  }
  return starts;
}

std::vector<Address> parse_mlocked(std::string_view text) {
  std::vector<Address> starts;
  Address current = 0;  // no mapping starts at 0: the kernel keeps that page free
  while (!text.empty()) {
    std::string_view line = next_line(text);
    std::string_view rest = line;
    const std::string_view first = next_word(rest);
    if (const auto range = parse_range(first)) {
      current = range->start;
    } else if (first == "VmFlags:" && current != 0) {
      for (std::string_view flag = next_word(rest); !flag.empty(); flag = next_word(rest))
        if (flag == "lo") starts.push_back(current);
      current = 0;
    }
  }
  return starts;
}

std::optional<Bytes> parse_node_meminfo(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = next_line(text);
    const std::string_view node = next_word(line);
    const auto number = parse_number(next_word(line));
    std::string_view name = next_word(line);
    if (node != "Node" || !number || !name.ends_with(':')) continue;
    name.remove_suffix(1);
    if (name == key) return parse_kilobytes(line);
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_counter(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    std::string_view line = next_line(text);
    if (next_word(line) == key) return parse_number(trimmed(line));
  }
  return std::nullopt;
}

std::optional<double> parse_pressure(std::string_view text, std::string_view wanted) {
  while (!text.empty()) {
    std::string_view line = next_line(text);
    if (next_word(line) != wanted) continue;
    std::string_view field = next_word(line);
    if (!field.starts_with("avg10=")) return std::nullopt;
    field.remove_prefix(6);
    // "12.34": two parts, because from_chars for floating point would also take inf, nan and 1e9.
    const std::size_t dot = field.find('.');
    if (dot == std::string_view::npos || field.size() - dot != 3) return std::nullopt;
    const auto whole = parse_number(field.substr(0, dot)), hundredths = parse_number(field.substr(dot + 1));
    if (!whole || !hundredths || *whole > 100 || (*whole == 100 && *hundredths > 0)) return std::nullopt;
    return static_cast<double>(*whole) + static_cast<double>(*hundredths) / 100;
  }
  return std::nullopt;
}

std::optional<Nanoseconds> parse_pressure_total(std::string_view text, std::string_view wanted) {
  while (!text.empty()) {
    std::string_view line = next_line(text);
    if (next_word(line) != wanted) continue;
    for (std::string_view field = next_word(line); !field.empty(); field = next_word(line)) {
      if (!field.starts_with("total=")) continue;
      const auto total = parse_number(field.substr(6));
      if (!total || *total > static_cast<std::uint64_t>(Nanoseconds::max().count()) / 1000) return {};
      return std::chrono::microseconds(*total);
    }
    return std::nullopt;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> parse_refaults(std::string_view text) {
  std::optional<std::uint64_t> sum;
  for (const char* key : {"workingset_refault_anon", "workingset_refault_file", "workingset_refault"})
    if (const auto pages = parse_counter(text, key)) sum = sum.value_or(0) + *pages;
  return sum;
}

std::vector<CpuTime> parse_cpu_times(std::string_view text) {
  std::vector<CpuTime> all;
  std::set<std::uint64_t> seen;
  while (text.starts_with("cpu")) {  // they come first
    std::string_view line = next_line(text);
    const auto cpu = parse_number(next_word(line).substr(3));
    const auto user = parse_number(next_word(line)), nice = parse_number(next_word(line));
    if (!cpu || *cpu > kMostIds || !user || !nice || *user > UINT64_MAX - *nice) continue;
    if (seen.insert(*cpu).second) all.push_back({static_cast<std::uint32_t>(*cpu), *user + *nice});
  }
  return all;
}

std::vector<DiskStat> parse_diskstats(std::string_view text) {
  constexpr std::uint64_t kSector = 512;  // whatever the device's own are (Documentation/block/stat.rst)
  std::vector<DiskStat> all;
  while (!text.empty()) {
    std::string_view line = next_line(text);
    const auto major = parse_number(next_word(line)), minor = parse_number(next_word(line));
    for (const char* passed : {"name", "reads", "merged"}) (void)passed, (void)next_word(line);
    const auto sectors = parse_number(next_word(line));
    if (!major || !minor || !sectors || *major >= 1U << 12 || *minor >= 1U << 20) continue;
    if (*sectors > UINT64_MAX / kSector) continue;
    all.push_back(
        {static_cast<std::uint32_t>(*major), static_cast<std::uint32_t>(*minor), *sectors * kSector});
  }
  return all;
}

}  // namespace tier
