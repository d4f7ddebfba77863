#include "platform/linux/mappings/vma_records.h"

#include <algorithm>
#include <cstring>

#include "platform/linux/proc_text.h"

namespace tier {
namespace {

// linux/mm.h.
constexpr std::uint64_t kRead = 0x1, kWrite = 0x2, kExecute = 0x4, kMayShare = 0x80, kLocked = 0x2000;

// linux/mempolicy.h: what numa_maps calls "default" and "local".
constexpr unsigned kPolicyDefault = 0, kPolicyLocal = 4;

constexpr std::size_t kLongestName = 4096;

std::size_t padded(std::size_t bytes) { return (bytes + 7) & ~std::size_t{7}; }

tl::unexpected<Error> nonsense(const std::string& what) {
  return fail(ErrorKind::kFailed, "the iterator over mappings gave " + what,
              "use the tierd of one build: its BPF objects are part of the program");
}

// As /proc/PID/maps writes it: a newline in a name would make two lines of one.
std::string as_in_maps(std::string_view name) {
  std::string text;
  for (const char c : name) c == '\n' ? text += "\\012" : text += c;
  return text;
}

// As the kernel's d_path() and get_vma_name() write it.
std::string whole_name(const tier_vma& record, std::string_view name) {
  std::string text = as_in_maps(name.substr(0, name.find('\0')));
  switch (record.name_kind) {
    case TIER_NAME_UNLINKED:
      return text.empty() ? text : text + " (deleted)";
    case TIER_NAME_NO_FOLDER:
      return "/" + text + " (deleted)";
    case TIER_NAME_ANON_INODE:
      return "anon_inode:" + text;
    case TIER_NAME_SOCKET:
      return "socket:[" + std::to_string(record.inode) + "]";
    case TIER_NAME_BUFFER:
      return "/" + text + ":";
    case TIER_NAME_GIVEN:
      return (record.has_file != 0 ? "[anon_shmem:" : "[anon:") + text + "]";
    default:
      return text;
  }
}

}  // namespace

Result<bool> VmaRecords::take(const tier_vma& record, std::string_view name) {
  // One that begins and ends before the newest begins: the kernel goes through the list again.
  if (record.kind == TIER_VMA_END || (record.start < newest_ && record.end <= newest_)) {
    ended_ = true;
    return false;
  }
  if (record.end <= record.start) return nonsense("a mapping that ends before it begins");
  if (start_time_ == 0) start_time_ = record.start_ticks;
  if (record.start_ticks != start_time_)
    return fail(ErrorKind::kFailed, "the process is another one: the number was reused");
  if (thread_ == 0) thread_ = record.thread;
  if (record.thread != thread_) {
    ended_ = true;
    return false;
  }
  // Merged with a new neighbour below while the kernel let go of its lock, a mapping is found again by its
  // end (task_vma_seq_get_next() of kernel/bpf/task_iter.c): it takes the place of those that it covers.
  while (!mappings_.empty() && record.start < newest_ && mappings_.back().range.start >= record.start)
    mappings_.pop_back();
  newest_ = record.start;
  if (++records_ > kMostMappings) return nonsense("more mappings than 4194304");
  if (record.same_file == 0) name_ = whole_name(record, name);
  if (record.kind == TIER_VMA_SPECIAL) return true;
  Mapping mapping;
  mapping.range = {record.start, record.end};
  mapping.readable = (record.flags & kRead) != 0;
  mapping.writable = (record.flags & kWrite) != 0;
  mapping.executable = (record.flags & kExecute) != 0;
  mapping.shared = (record.flags & kMayShare) != 0;
  mapping.mlocked = (record.flags & kLocked) != 0;
  mapping.own_policy = record.policy != kPolicyDefault && record.policy != kPolicyLocal;
  if (record.has_file != 0) {
    mapping.name = name_;
    set_object(mapping, {std::uint64_t{record.device >> 20} << 32 | (record.device & 0xFFFFF), record.inode},
               record.page_offset * page_size_);
  } else if (record.kind == TIER_VMA_HEAP) {
    mapping.name = "[heap]";
  } else if (record.kind == TIER_VMA_STACK) {
    mapping.name = "[stack]";
  } else {
    mapping.name = name_;
  }
  mapping.backing = backing_of(mapping.name, mapping.shared, record.has_file != 0 ? record.inode : 0);
  mappings_.push_back(std::move(mapping));
  return true;
}

Result<bool> VmaRecords::feed(std::span<const std::byte> bytes) {
  pending_.insert(pending_.end(), bytes.begin(), bytes.end());
  std::size_t at = 0;
  while (pending_.size() - at >= sizeof(tier_vma)) {
    tier_vma record;
    std::memcpy(&record, pending_.data() + at, sizeof(record));
    if (record.version != TIER_MAPPINGS_VERSION) return nonsense("records of another version");
    if (record.name_bytes > kLongestName) return nonsense("a name of more than 4096 bytes");
    const std::size_t size = sizeof(record) + padded(record.name_bytes);
    if (pending_.size() - at < size) break;
    const auto* name = reinterpret_cast<const char*>(pending_.data() + at + sizeof(record));
    auto more = take(record, {name, record.name_bytes});
    if (!more || !*more) return more;
    at += size;
  }
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(at));
  return true;
}

Result<std::vector<Mapping>> VmaRecords::finish() {
  if (records_ == 0) return fail(ErrorKind::kFailed, "has no memory: a kernel thread, or gone");
  if (!ended_) return nonsense("less than all mappings");
  std::vector<Mapping> clean;
  clean.reserve(mappings_.size());
  for (Mapping& mapping : mappings_) {
    if (!clean.empty() && clean.back().range.end > mapping.range.start) {
      clean.back().range.end = mapping.range.start;
      if (clean.back().range.empty()) clean.pop_back();
    }
    clean.push_back(std::move(mapping));
  }
  mappings_.clear();
  return clean;
}

}  // namespace tier
