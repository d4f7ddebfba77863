// Feeds the parsers of text formats of /proc, sysfs and people. The first byte of an input chooses one, see
// kParsers; the rest, after a newline that may follow, is its text.
#include <algorithm>
#include <cmath>
#include <set>

#include "core/cgroup_path.h"
#include "core/quantity.h"
#include "platform/linux/page_pools.h"
#include "platform/linux/proc_text.h"
#include "platform/linux/sampling/damon_record.h"
#include "platform/linux/sampling/reader_view.h"
#include "platform/linux/watermarks.h"
#include "tests/fuzz/fuzz.h"

namespace {

using tier::fuzz::require;

void number(std::string_view text) {
  const auto value = tier::parse_number(text);
  if (!value) return;
  const std::string digits = std::to_string(*value);
  require(text.ends_with(digits), "a number is that of its digits", text);
  require(text.find_first_not_of('0') >= text.size() - digits.size(), "nothing but zeros stands before",
          text);
}

void id_list(std::string_view text) {
  const auto ids = tier::parse_id_list(text);
  if (!ids) return;
  std::string again;
  for (const int id : *ids) again += (again.empty() ? "" : ",") + std::to_string(id);
  require(std::is_sorted(ids->begin(), ids->end(), std::less_equal<>()), "ids ascend, each once", again);
  if (!ids->empty()) require(ids->front() >= 0 && ids->back() <= 65535, "ids are within bounds", again);
  require(tier::parse_id_list(again) == ids, "ids written again are the same", again);
}

void stat(std::string_view text) {
  const auto parsed = tier::parse_stat(text);
  if (!parsed) return;
  require(parsed->pid >= 0, "a process has a number");
  require(text.find("(" + parsed->comm + ")") != std::string_view::npos, "a name stands in brackets");
}

void status(std::string_view text) {
  for (const char* key : {"Name", "Uid", "VmRSS", ""}) {
    const auto value = tier::status_field(text, key);
    if (value) require(tier::trimmed(*value) == *value, "a value is trimmed", *value);
    if (const auto bytes = tier::status_bytes(text, key)) {
      require(value.has_value(), "what has bytes has a value");
      require(bytes->value % 1024 == 0, "kB are 1024 bytes");
    }
  }
}

void cgroup(std::string_view text) {
  const auto path = tier::parse_cgroup(text);
  const auto all = tier::parse_cgroups(text);
  require(path.has_value() == !all.empty(), "one cgroup is known where any is");
  require(all.size() <= 2, "there are two hierarchies");
  for (const std::string& one : all) require(one.starts_with('/'), "a cgroup's path is absolute", one);
  if (path) require(std::find(all.begin(), all.end(), *path) != all.end(), "the cgroup is one of all", *path);
}

void program(std::string_view text) {
  require(tier::file_base_name(text).find('/') == std::string::npos, "a base name has no folder");
  const std::string name = tier::started_as(text);
  require(name.size() <= 255, "a name is not longer than file systems have");
  require(name.find_first_of(std::string_view("/\0 \t\n", 5)) == std::string::npos, "a name is one word",
          name);
}

void maps(std::string_view text) {
  const auto mappings = tier::parse_maps(text);
  if (!mappings) return tier::fuzz::require_told(mappings.error());
  tier::Address last = 0;
  for (const tier::Mapping& each : *mappings) {
    require(each.range.end > each.range.start, "a mapping is not empty");
    require(each.range.start >= last, "mappings are sorted");
    last = each.range.start;
    require(each.name.find('\n') == std::string::npos, "a name is of one line");
    if (each.object) require(each.object->inode != 0, "an object has an inode");
  }
  for (const tier::Address address : {tier::Address{0}, last, tier::Address{0x7f0000000000}})
    if (const auto found = tier::find_mapped_device(text, address))
      require(found->range.start <= address && address < found->range.end,
              "the mapping found has the address");
}

void policies(std::string_view text) { (void)tier::parse_own_policies(text); }

void smaps(std::string_view text) {
  for (const tier::Address start : tier::parse_mlocked(text)) require(start != 0, "no mapping starts at 0");
}

void meminfo(std::string_view text) {
  for (const char* key : {"MemTotal", "MemFree", ""})
    if (const auto bytes = tier::parse_node_meminfo(text, key))
      require(bytes->value % 1024 == 0, "kB are 1024 bytes");
}

void pressure(std::string_view text) {
  for (const char* line : {"some", "full"}) {
    const auto share = tier::parse_pressure(text, line);
    if (share) require(*share >= 0 && *share <= 100, "a share is of a hundred", std::to_string(*share));
    if (const auto total = tier::parse_pressure_total(text, line))
      require(*total >= tier::Nanoseconds::zero(), "a time is not negative");
  }
}

void vmstat(std::string_view text) {
  const bool any = tier::parse_counter(text, "workingset_refault_anon") ||
                   tier::parse_counter(text, "workingset_refault_file") ||
                   tier::parse_counter(text, "workingset_refault");
  require(tier::parse_refaults(text).has_value() == any, "refaults are known where a counter is");
}

void cpu_times(std::string_view text) {
  std::set<std::uint32_t> seen;
  for (const tier::CpuTime& each : tier::parse_cpu_times(text))
    require(each.cpu <= 65535 && seen.insert(each.cpu).second, "a CPU stands there once");
}

void disks(std::string_view text) {
  for (const tier::DiskStat& each : tier::parse_diskstats(text)) {
    require(each.major < 1U << 12 && each.minor < 1U << 20, "a device number is within bounds");
    require(each.read_bytes % 512 == 0, "sectors have 512 bytes");
  }
}

void zones(std::string_view text) {
  for (const auto& [node, pages] : tier::parse_high_watermarks(text))
    require(node >= 0 && node < 4096 && pages <= text.size() << 40, "a watermark is within bounds");
}

void mounts(std::string_view text) {
  for (const auto& [device, size] : tier::parse_pool_mounts(text))
    require(size.value != 0, "a pool's pages have a size", std::to_string(device));
}

void namespaces(std::string_view text) {
  (void)tier::namespace_number(text);
  tier::ReaderView view;
  tier::parse_time_offsets(text, view);
}

void quantity(std::string_view text) {
  if (const auto time = tier::parse_duration(text)) {
    require(*time >= tier::Nanoseconds::zero(), "a duration is not negative", text);
    require(tier::parse_duration(tier::show_duration(*time)) == *time, "a duration is shown exactly", text);
  }
  if (const auto size = tier::parse_size(text))
    require(tier::parse_size(tier::show_size(*size)) == *size, "a size is shown exactly", text);
  if (const auto rate = tier::parse_rate(text))
    require(tier::parse_size(text.substr(0, text.size() - 2)) == *rate, "a rate is a size", text);
  if (const auto share = tier::parse_share(text))
    require(std::isfinite(*share) && *share >= 0, "a share is not negative", text);
}

void cgroup_name(std::string_view text) {
  const auto path = tier::cgroup_path(text);
  if (!path) return tier::fuzz::require_told(path.error());
  require(path->starts_with('/') && (path->size() == 1 || !path->ends_with('/')), "a path is absolute",
          *path);
  require(tier::cgroup_path(*path) == *path, "a clean path stays as it is", *path);
  require(tier::within_cgroup(*path, "/") && tier::within_cgroup(*path, *path), "a path lies in itself",
          *path);
}

// The record of who uses DAMON; nobody holds its lock here.
void damon_record(std::string_view text) {
  static const tier::fuzz::Folder folder;
  const std::string boot = "0b0e4c5a-1111-2222-3333-444455556666";
  folder.write("damon.claim", text);
  const tier::DamonRecord record(folder.file("").string(), folder.write("boot_id", boot + "\n"));
  const auto holder = record.holder();
  if (holder == tier::DamonRecord::Holder::kNone) return;
  require(holder == tier::DamonRecord::Holder::kDead, "who holds no lock is dead");
  require(text.find(boot) != std::string_view::npos, "a holder of this boot names it", text);
}

struct Parser {
  char letter;
  void (*feed)(std::string_view text);
};
constexpr Parser kParsers[] = {
    {'n', number},   {'i', id_list},    {'s', stat},      {'f', status},      {'c', cgroup},
    {'e', program},  {'m', maps},       {'p', policies},  {'l', smaps},       {'M', meminfo},
    {'P', pressure}, {'v', vmstat},     {'C', cpu_times}, {'d', disks},       {'z', zones},
    {'h', mounts},   {'t', namespaces}, {'q', quantity},  {'g', cgroup_name}, {'D', damon_record},
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string input = tier::fuzz::text_of(data, size);
  if (input.empty()) return 0;
  std::string_view text = std::string_view(input).substr(1);
  if (text.starts_with('\n')) text.remove_prefix(1);
  for (const Parser& parser : kParsers)
    if (parser.letter == input.front()) parser.feed(text);
  return 0;
}
