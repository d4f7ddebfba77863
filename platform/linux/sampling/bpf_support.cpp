#include "platform/linux/sampling/bpf_support.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <vector>

#include "platform/linux/file.h"
#include "platform/linux/sampling/refusal.h"

namespace tier {
namespace {

constexpr std::size_t kLogLimit = 64U << 10;

struct BpfLog {
  std::mutex mutex;
  std::string text;
};

BpfLog& bpf_log() {
  static BpfLog log;
  return log;
}

int gather_log(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  std::array<char, 4096> line{};
  const int length = std::vsnprintf(line.data(), line.size(), format, arguments);
  BpfLog& log = bpf_log();
  const std::lock_guard<std::mutex> lock(log.mutex);
  log.text += line.data();
  if (log.text.size() > kLogLimit) log.text.erase(0, log.text.size() - kLogLimit);
  return length;
}

std::string last_lines(const std::string& text, int count) {
  std::size_t start = text.size();
  while (start > 0 && (text[start - 1] != '\n' || count-- > 0)) --start;
  return text.substr(start);
}

constexpr std::uint64_t kWorthPlacing = 1U << 20;
constexpr std::uint64_t kBucketBytes = 16;  // of a hash table, for each entry (kernel/bpf/hashtab.c)

// What the kernel allocates in one piece when it makes the map; 0 for kinds that stay where they are.
std::uint64_t bytes_at_load(const bpf_map& map) {
  const std::uint64_t entries = bpf_map__max_entries(&map);
  switch (bpf_map__type(&map)) {
    case BPF_MAP_TYPE_RINGBUF:
      return entries;
    case BPF_MAP_TYPE_HASH:
      return entries * kBucketBytes;
    default:
      return 0;
  }
}

}  // namespace

std::string take_bpf_log() {
  libbpf_set_print(gather_log);
  BpfLog& log = bpf_log();
  const std::lock_guard<std::mutex> lock(log.mutex);
  return std::exchange(log.text, {});
}

Error bpf_error(const std::string& what, int error_number) {
  const std::string log = last_lines(take_bpf_log(), 4);
  const std::string message = what + ": " + errno_text(error_number) + (log.empty() ? "" : "; " + log);
  if (const auto refusal = why_bpf_refused(error_number, read_permission_facts()))
    return {ErrorKind::kPermission, message + ": " + refusal->reason, refusal->fix};
  if (error_number == ENOENT || error_number == ESRCH || error_number == EINVAL || error_number == ENOTSUP)
    return {ErrorKind::kUnsupported, message,
            "a kernel with CONFIG_DEBUG_INFO_BTF and CONFIG_BPF_EVENTS, Linux 5.15 or later"};
  return {ErrorKind::kFailed, message, {}};
}

Result<void> require_btf(const std::string& btf_path) {
  if (access(btf_path.c_str(), R_OK) == 0) return {};
  return fail(ErrorKind::kUnsupported,
              "the kernel shows no type information (BTF): " + btf_path + " cannot be read",
              "a kernel built with CONFIG_DEBUG_INFO_BTF=y (Linux 5.4 or later), with /sys mounted");
}

void BpfLinkCloser::operator()(bpf_link* link) const { bpf_link__destroy(link); }

void WatchList::replace(std::span<const Target> targets) {
  by_pid_.clear();
  for (const Target& target : targets)
    if (target.pid.value > 0) by_pid_[static_cast<std::uint32_t>(target.pid.value)] = target;
}

std::optional<TargetId> WatchList::find(std::uint32_t tgid, std::uint64_t start_ticks) const {
  const auto found = by_pid_.find(tgid);
  if (found == by_pid_.end()) return std::nullopt;
  const std::uint64_t expected = found->second.start_time;
  if (expected != 0 && expected != start_ticks) return std::nullopt;
  return found->second.id;
}

BpfEvents::BpfEvents() = default;
BpfEvents::~BpfEvents() { ring_buffer__free(ring_); }

int BpfEvents::on_event(void* self, void* data, std::size_t size) {
  static_cast<BpfEvents*>(self)->handler_({static_cast<const std::byte*>(data), size});
  return 0;
}

Result<void> BpfEvents::open(bpf_object& object, Handler handler) {
  handler_ = std::move(handler);
  watched_fd_ = bpf_object__find_map_fd_by_name(&object, "watched");
  counters_fd_ = bpf_object__find_map_fd_by_name(&object, "counters");
  const int ring_fd = bpf_object__find_map_fd_by_name(&object, "samples");
  if (watched_fd_ < 0 || counters_fd_ < 0 || ring_fd < 0)
    return fail(ErrorKind::kFailed, "a BPF object lacks the maps watched, counters or samples",
                "build bpf/ and the daemon from the same revision");
  ring_ = ring_buffer__new(ring_fd, on_event, this, nullptr);
  if (ring_ == nullptr) return tl::make_unexpected(bpf_error("opening the BPF ring buffer", errno));
  return {};
}

Result<void> BpfEvents::watch(const WatchList& list) {
  for (auto entry = in_kernel_.begin(); entry != in_kernel_.end();) {
    const auto wanted = list.by_pid().find(entry->first);
    if (wanted == list.by_pid().end()) {
      bpf_map_delete_elem(watched_fd_, &entry->first);  // may be gone already; either way it is not watched
      entry = in_kernel_.erase(entry);
    } else {
      ++entry;
    }
  }
  for (const auto& [tgid, target] : list.by_pid()) {
    const auto held = in_kernel_.find(tgid);
    if (held != in_kernel_.end() && held->second == target.start_time) continue;
    const tier_watch watch{target.start_time};
    if (bpf_map_update_elem(watched_fd_, &tgid, &watch, BPF_ANY) != 0) {
      const int error_number = errno;
      return fail(ErrorKind::kFailed,
                  "process " + std::to_string(tgid) + " cannot be watched: " + errno_text(error_number),
                  "watch at most " + std::to_string(TIER_MAX_TARGETS) + " processes");
    }
    in_kernel_[tgid] = target.start_time;
  }
  return {};
}

void BpfEvents::drain() {
  if (ring_ != nullptr) ring_buffer__consume(ring_);
}

tier_counters BpfEvents::counters() const {
  tier_counters sum{};
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0 || counters_fd_ < 0) return sum;
  std::vector<tier_counters> each(static_cast<std::size_t>(cpus));
  const std::uint32_t zero = 0;
  if (bpf_map_lookup_elem(counters_fd_, &zero, each.data()) != 0) return sum;
  for (const tier_counters& one : each) sum += one;
  return sum;
}

tier_counters& operator+=(tier_counters& sum, const tier_counters& more) {
  sum.sent += more.sent;
  sum.lost += more.lost;
  sum.foreign += more.foreign;
  sum.in_kernel += more.in_kernel;
  sum.too_soon += more.too_soon;
  sum.no_code += more.no_code;
  sum.program_ns += more.program_ns;
  return sum;
}

Nanoseconds program_price(const tier_counters& counters) {
  const std::uint64_t events = counters.sent + counters.lost;
  return Nanoseconds(events == 0 ? 0 : static_cast<std::int64_t>(counters.program_ns / events));
}

SampleCounters CounterDifference::since_last(const tier_counters& now) {
  SampleCounters counters;
  counters.lost = now.lost - last_.lost;
  counters.foreign = now.foreign - last_.foreign;
  counters.taken = counters.foreign;  // recognised in the kernel, so that they need not be carried
  last_ = now;
  return counters;
}

void place_tables(bpf_object& object, std::optional<NodeId> node) {
  if (!node) return;
  bpf_map* map = nullptr;
  while ((map = bpf_object__next_map(&object, map)) != nullptr) {
    if (bytes_at_load(*map) < kWorthPlacing) continue;
    bpf_map__set_map_flags(map, bpf_map__map_flags(map) | BPF_F_NUMA_NODE);
    bpf_map__set_numa_node(map, static_cast<std::uint32_t>(node->value));
  }
}

Result<void> prepare_tables(bpf_object& object, const SamplingSettings& settings) {
  bpf_map* ring = bpf_object__find_map_by_name(&object, "samples");
  if (ring == nullptr || bpf_map__set_max_entries(ring, settings.ring_bytes) != 0)
    return fail(ErrorKind::kFailed,
                "the BPF ring buffer cannot be given " + std::to_string(settings.ring_bytes) + " bytes",
                "use a power of two of at least one page");
  place_tables(object, settings.spare_node);
  return {};
}

}  // namespace tier
