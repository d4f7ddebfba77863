#include "platform/linux/marked_pages.h"

#include <fcntl.h>
#include <numaif.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>

#include "platform/linux/file.h"
#include "platform/linux/machine.h"
#include "platform/linux/proc_text.h"
#include "platform/linux/sysctl.h"

namespace tier {
namespace {

// Entries of /proc/PID/pagemap (Documentation/admin-guide/mm/pagemap.rst).
constexpr std::uint64_t kPresent = 1ULL << 63;
constexpr std::uint64_t kFileOrShared = 1ULL << 61;
constexpr std::uint64_t kMappedOnce = 1ULL << 56;

// Of the shared zero page the kernel tells neither, and reading it would change nothing.
bool shows_memory(std::uint64_t entry) {
  return (entry & kPresent) != 0 && (entry & (kFileOrShared | kMappedOnce)) != 0;
}

// Entries read at once: a gap of fewer pages is cheaper to read than another call.
constexpr std::uint64_t kEntriesAtOnce = 512;
// UIO_MAXIOV of linux/uio.h.
constexpr std::size_t kVectorsAtOnce = 1024;
// How often a counter that still says "none marked" is read again: folding it costs time on many CPUs.
constexpr Nanoseconds kLookAgain = std::chrono::seconds(1);

Address page_size() { return static_cast<Address>(::sysconf(_SC_PAGESIZE)); }

// While it lives, page faults of this thread move no page. The fault that a read takes on a marked page asks
// the memory policy of the *reading* thread where the page belongs (mm/mempolicy.c, mpol_misplaced): the
// default policy says "near the reader", and the page would move to our node. A policy without MPOL_F_MOF
// says nothing.
class StillPolicy {
 public:
  StillPolicy() {
    if (::get_mempolicy(&mode_, nodes_.data(), kBits, nullptr, 0) != 0) return;
    changed_ = ::set_mempolicy(MPOL_LOCAL, nullptr, 0) == 0;
  }
  ~StillPolicy() {
    if (!changed_) return;
    const bool any = std::any_of(nodes_.begin(), nodes_.end(), [](unsigned long word) { return word != 0; });
    ::set_mempolicy(mode_, any ? nodes_.data() : nullptr, any ? kBits : 0);
  }
  StillPolicy(const StillPolicy&) = delete;
  StillPolicy& operator=(const StillPolicy&) = delete;
  bool holds() const { return changed_; }

 private:
  // The most nodes that a kernel can be built for (CONFIG_NODES_SHIFT up to 10); fewer are refused.
  static constexpr unsigned long kBits = 1024;
  int mode_ = MPOL_DEFAULT;
  std::array<unsigned long, kBits / (8 * sizeof(unsigned long))> nodes_{};
  bool changed_ = false;
};

}  // namespace

bool kernel_hides_marked_pages() {
  const std::size_t size = page_size();
  void* page = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return false;
  *static_cast<volatile char*>(page) = 1;
  int status = 0;
  const bool asked =
      ::mprotect(page, size, PROT_NONE) == 0 && ::move_pages(0, 1, &page, nullptr, &status, 0) == 0;
  ::munmap(page, size);
  return asked && status == -ENOENT;
}

MarkingFacts read_marking_facts(const std::string& root) {
  MarkingFacts facts;
  facts.hides = kernel_hides_marked_pages();
  if (const auto mode = read_sysctl("kernel.numa_balancing", root)) facts.balancing = static_cast<int>(*mode);
  if (const auto scope = read_sysctl("kernel.yama.ptrace_scope", root)) facts.yama = static_cast<int>(*scope);
  if (const auto text = read_file(under(root, "/proc/vmstat")))
    facts.ever = parse_counter(*text, "numa_pte_updates");
  return facts;
}

LinuxMarkedPages::LinuxMarkedPages(std::string root)
    : root_(std::move(root)), hides_(kernel_hides_marked_pages()) {}

bool LinuxMarkedPages::possible() const {
  if (!hides_) return false;
  const Nanoseconds now = MonotonicClock().now();
  std::lock_guard lock(mutex_);
  if (marked_once_ || now < look_again_) return marked_once_;
  look_again_ = now + kLookAgain;
  const auto text = read_file(under(root_, "/proc/vmstat"));
  // A kernel that does not count is believed to mark; one without NUMA balancing has no such line.
  marked_once_ = !text || parse_counter(*text, "numa_pte_updates").value_or(0) > 0;
  return marked_once_;
}

Result<std::vector<bool>> LinuxMarkedPages::find(Pid pid, std::span<const Address> pages) const {
  const std::string path = under(root_, "/proc/" + std::to_string(pid.value) + "/pagemap");
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return fail_errno(path, errno, "give tierd CAP_SYS_PTRACE");
  std::vector<bool> marked(pages.size(), false);
  std::array<std::uint64_t, kEntriesAtOnce> entries;
  const Address size = page_size();
  for (std::size_t i = 0; i < pages.size();) {
    const Address first = pages[i] / size;
    std::size_t end = i + 1;
    while (end < pages.size() && pages[end] / size >= first && pages[end] / size - first < kEntriesAtOnce)
      ++end;
    const std::uint64_t count = pages[end - 1] / size - first + 1;
    const ssize_t got = ::pread(file.get(), entries.data(), count * sizeof(std::uint64_t),
                                static_cast<off_t>(first * sizeof(std::uint64_t)));
    if (got < 0) return fail_errno(path, errno, "give tierd CAP_SYS_PTRACE");
    const auto read = static_cast<std::uint64_t>(got) / sizeof(std::uint64_t);
    for (; i < end; ++i) {
      const std::uint64_t at = pages[i] / size - first;
      marked[i] = at < read && shows_memory(entries[at]);
    }
  }
  return marked;
}

UnmarkCall LinuxMarkedPages::unmark(Pid pid, std::span<const Address> pages) {
  UnmarkCall call;
  const StillPolicy still;
  // Rather not at all than to carry pages to our own node.
  if (!still.holds()) return {0, EPERM};
  std::array<::iovec, kVectorsAtOnce> remote;
  std::array<char, kVectorsAtOnce> bytes;
  for (std::size_t i = 0; i < pages.size();) {
    const std::size_t count = std::min(kVectorsAtOnce, pages.size() - i);
    for (std::size_t k = 0; k < count; ++k)
      remote[k] = {reinterpret_cast<void*>(pages[i + k]), 1};  // NOLINT: an address of another process
    const ::iovec local{bytes.data(), count};
    const ssize_t got = ::process_vm_readv(pid.value, &local, 1, remote.data(), count, 0);
    if (got > 0) call.read += static_cast<std::uint64_t>(got);
    i += got > 0 ? static_cast<std::size_t>(got) : 0;
    if (got == static_cast<ssize_t>(count)) continue;
    // A partial read ends before the page that could not be read; asked for alone that one names its error.
    if (got > 0) continue;
    call.error_number = errno;
    if (errno != EFAULT) break;
    ++i;
  }
  return call;
}

}  // namespace tier
