#include "platform/linux/mapping_files.h"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <iterator>

#include "platform/linux/file.h"
#include "platform/linux/machine.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kPageTableEntry = 8;  // bytes, x86-64 and arm64

// What a new measurement counts against those before.
constexpr double kPriceWeight = 0.3;

void mark(std::vector<Mapping>& mappings, const std::vector<Address>& starts, bool Mapping::*flag) {
  for (const Address start : starts) {
    const auto after = std::upper_bound(mappings.begin(), mappings.end(), start,
                                        [](Address a, const Mapping& m) { return a < m.range.start; });
    if (after != mappings.begin() && std::prev(after)->range.contains(start))
      (*std::prev(after)).*flag = true;
  }
}

// The folder of a thread that has the process's memory still, where the first one has ended; empty without
// one.
std::string living_thread(const std::string& process) {
  std::error_code error;
  for (std::filesystem::directory_iterator it(process + "/task", error), end; !error && it != end;
       it.increment(error)) {
    std::string thread = it->path().string();
    const auto maps = read_file(thread + "/maps");
    if (maps && !maps->empty()) return thread;
  }
  return {};
}

void mark_all(std::vector<Mapping>& mappings, bool Mapping::*flag) {
  for (Mapping& mapping : mappings) mapping.*flag = true;
}

}  // namespace

Nanoseconds estimated_walk(Bytes resident, Bytes page_tables, Nanoseconds per_page) {
  const std::uint64_t pages = std::min(resident.value / kPage, page_tables.value / kPageTableEntry);
  return Nanoseconds(
      static_cast<std::int64_t>(static_cast<double>(pages) * static_cast<double>(per_page.count())));
}

MappingFiles::MappingFiles(std::string root, Path path, WalkSettings settings,
                           std::function<Nanoseconds()> now)
    : root_(std::move(root)),
      proc_(path ? std::move(path)
                 : [this](
                       Pid pid,
                       const char*
                           file) { return under(root_, "/proc/" + std::to_string(pid.value) + "/" + file); }),
      settings_(settings),
      now_(now ? std::move(now) : [] { return MonotonicClock().now(); }),
      budget_(settings.share, settings.most),
      per_page_(static_cast<double>(settings.per_page.count())) {}

Result<std::vector<Mapping>> MappingFiles::read(Pid pid, std::uint64_t start_time) const {
  const std::string who = "process " + std::to_string(pid.value);
  std::string folder;  // empty: that of the process
  auto text = read_file(proc_(pid, "maps"));
  if (text && text->empty()) {
    folder = living_thread(under(root_, "/proc/" + std::to_string(pid.value)));
    if (!folder.empty()) text = read_file(folder + "/maps");
  }
  const auto path = [&](const char* file) { return folder.empty() ? proc_(pid, file) : folder + "/" + file; };
  if (!text) return tl::make_unexpected(text.error());
  auto mappings = parse_maps(*text);
  if (!mappings) return fail(ErrorKind::kFailed, who + ": " + mappings.error().message);
  const auto status = read_file(path("status"));
  const auto stat_text = read_file(under(root_, "/proc/" + std::to_string(pid.value) + "/stat"));
  const auto stat = stat_text ? parse_stat(*stat_text) : std::nullopt;
  const std::uint64_t identity = stat ? stat->start_time : 0;
  if (start_time != 0 && identity != start_time)
    return fail(ErrorKind::kFailed, who + " is gone, or another one: the number was reused");
  Sizes sizes;
  if (status) {
    sizes.resident = status_bytes(*status, "VmRSS").value_or(Bytes{});
    sizes.page_tables = status_bytes(*status, "VmPTE").value_or(Bytes{});
    sizes.locked = status_bytes(*status, "VmLck").value_or(Bytes{});
  }
  const std::lock_guard lock(mutex_);
  Walked& walked = known_[pid];
  if (walked.start_time != identity) {
    walked = {};
    walked.start_time = identity;
  }
  walk(path, sizes, walked);
  if (walked.policies)
    mark(*mappings, *walked.policies, &Mapping::own_policy);
  else
    mark_all(*mappings, &Mapping::own_policy);
  if (sizes.locked.value > 0) {
    if (walked.locked)
      mark(*mappings, *walked.locked, &Mapping::mlocked);
    else
      mark_all(*mappings, &Mapping::mlocked);
  }
  return mappings;
}

// Asks for policies and locks, when it is time and there is time; `walked` keeps what was known else.
void MappingFiles::walk(const FileOf& path, const Sizes& sizes, Walked& walked) const {
  const Nanoseconds now = now_();
  budget_.advance(now);
  walked.used = now;
  std::erase_if(known_, [&](const auto& each) { return each.second.used + kForgetAfter < now; });
  const bool asks_locks = sizes.locked.value > 0;
  const bool known = walked.policies && (walked.locked || !asks_locks);
  walked.waits = false;
  walked.too_long = false;
  if (known && now < walked.at + settings_.again) return;
  const Nanoseconds price(static_cast<std::int64_t>(per_page_));
  const Nanoseconds one = estimated_walk(sizes.resident, sizes.page_tables, price);
  walked.too_long = one > settings_.longest;
  walked.waits = !walked.too_long && !budget_.open();
  if (walked.too_long || walked.waits) return;
  // Absent without CONFIG_NUMA: then there are no policies.
  const auto policies = read_file(path("numa_maps"));
  walked.policies = policies ? parse_own_policies(*policies) : std::vector<Address>{};
  if (asks_locks)
    if (const auto smaps = read_file(path("smaps"))) walked.locked = parse_mlocked(*smaps);
  walked.at = now_();
  const Nanoseconds took = walked.at - now;
  budget_.spend(took);
  const double pages = static_cast<double>(one.count()) / per_page_ * (asks_locks ? 2 : 1);
  // Small processes tell the price of opening a file, not that of a page.
  if (pages > 10000) per_page_ += kPriceWeight * (static_cast<double>(took.count()) / pages - per_page_);
}

std::uint64_t MappingFiles::version(Pid pid) const {
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(pid);
    if (known != known_.end() && known->second.waits) return 0;
  }
  const auto status = read_file(proc_(pid, "status"));
  if (!status) return 0;
  constexpr const char* kFields[] = {"VmSize", "VmLck", "VmPin", "VmData",
                                     "VmStk",  "VmExe", "VmLib", "VmPTE"};
  std::array<std::uint64_t, std::size(kFields)> values{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto bytes = status_bytes(*status, kFields[i]);
    if (!bytes) return 0;  // a kernel thread or a zombie has no memory
    values[i] = bytes->value;
  }
  return std::max<std::uint64_t>(XXH3_64bits(values.data(), sizeof(values)), 1);
}

MappingsAccount MappingFiles::account() const {
  MappingsAccount account;
  account.interface = "text files of /proc (maps, numa_maps, smaps)";
  const std::lock_guard lock(mutex_);
  for (const auto& [pid, walked] : known_)
    if (!walked.policies && (walked.too_long || walked.waits)) ++account.left_out;
  if (account.left_out > 0)
    account.left_out_reason =
        "asking for their memory policies would hold their mmap locks for long, or waits for its turn: their "
        "pages stay where they are";
  return account;
}

}  // namespace tier
