#include "platform/linux/probe_memory.h"

#include <fcntl.h>
#include <numaif.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "platform/linux/file.h"
#include "platform/linux/pages.h"

namespace tier {
namespace {

constexpr std::size_t kAtOnce = 16;         // pages touched before a look at where they landed
constexpr std::uint32_t kLongestWait = 64;  // calls; one a tick
constexpr std::size_t kFilePagesRead = 2048, kFilePagesUsed = 128;

std::vector<int> nodes_of(const std::vector<Address>& pages) {
  return LinuxPages().locate({static_cast<int>(::getpid())}, pages).status;
}

// Pages of this program's own file that the page cache holds, mapped to be read. Nothing is allocated but
// page tables, and nothing is read from the disk: what is not in memory is not touched.
class OwnFile {
 public:
  static OwnFile& instance() {
    static OwnFile file;
    return file;
  }
  // Those on the node, at most kFilePagesUsed.
  std::vector<Address> pages_on(NodeId node) const {
    const std::vector<Address> cached = in_memory();
    for (const Address page : cached) (void)*reinterpret_cast<const volatile char*>(page);
    const std::vector<int> nodes = nodes_of(cached);
    std::vector<Address> found;
    for (std::size_t i = 0; i < nodes.size() && found.size() < kFilePagesUsed; ++i)
      if (nodes[i] == node.value) found.push_back(cached[i]);
    return found;
  }

 private:
  OwnFile() {
    const FileDescriptor fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    struct stat about {};
    if (!fd.valid() || ::fstat(fd.get(), &about) != 0) return;
    size_ = std::min(static_cast<std::size_t>(about.st_size), kFilePagesRead * page_size_) / page_size_ *
            page_size_;
    if (size_ == 0) return;
    void* const start = ::mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd.get(), 0);
    if (start == MAP_FAILED) return;
    start_ = reinterpret_cast<Address>(start);
    ::madvise(start, size_, MADV_RANDOM);  // a page that has gone since is read alone
  }

  std::vector<Address> in_memory() const {
    std::vector<Address> pages;
    if (start_ == 0) return pages;
    std::vector<unsigned char> resident(size_ / page_size_);
    if (::mincore(reinterpret_cast<void*>(start_), size_, resident.data()) != 0) return pages;
    for (std::size_t i = 0; i < resident.size(); ++i)
      if ((resident[i] & 1) != 0) pages.push_back(start_ + i * page_size_);
    return pages;
  }

  std::size_t page_size_ = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  Address start_ = 0;
  std::size_t size_ = 0;
};

}  // namespace

ProbeMemory::ProbeMemory(NodeId node, Bytes most)
    : node_(node),
      page_size_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))),
      wanted_(std::max<std::size_t>(kFewest, most.value / page_size_)),
      kept_(wanted_) {
  void* const start =
      ::mmap(nullptr, wanted_ * page_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (start == MAP_FAILED) {
    error_ = errno;
    return;
  }
  start_ = reinterpret_cast<Address>(start);
  // Small pages everywhere: whether a huge page was to be had must not change what is measured.
  ::madvise(start, wanted_ * page_size_, MADV_NOHUGEPAGE);
}

ProbeMemory::~ProbeMemory() {
  if (start_ != 0) ::munmap(reinterpret_cast<void*>(start_), wanted_ * page_size_);
}

// Asked again before every attempt: nodes come and go, and so do cpusets. The policy also keeps NUMA
// balancing away from the pages.
bool ProbeMemory::prefer_node() {
  if (start_ == 0) return false;
  // No mask of libnuma, whose allocation ends the process where it fails.
  constexpr std::size_t kBits = 8 * sizeof(unsigned long);
  std::array<unsigned long, kMostNodes / kBits> mask{};
  if (node_.value < 0 || static_cast<std::size_t>(node_.value) >= kMostNodes) {
    error_ = EINVAL;
    return false;
  }
  const auto bit = static_cast<std::size_t>(node_.value);
  mask[bit / kBits] = 1UL << (bit % kBits);
  const long set = ::mbind(reinterpret_cast<void*>(start_), wanted_ * page_size_, MPOL_PREFERRED, mask.data(),
                           kMostNodes, 0);
  error_ = set == 0 ? 0 : errno;
  return set == 0;
}

Result<void> ProbeMemory::refresh() {
  drop_strays();
  if (pages_.size() < wanted_ && calls_++ >= wait_) {
    calls_ = 1;
    grow();
  }
  if (pages_.size() >= kFewest) return {};
  const std::string what = "latency probe on node " + std::to_string(node_.value);
  if (error_ != 0) return fail_errno(what, error_, "the node must be online and in this process's cpuset");
  return fail(ErrorKind::kFailed,
              what + ": " + std::to_string(pages_.size()) + " pages landed there, " +
                  std::to_string(kFewest) + " are needed",
              "free memory on that node; it is tried again by itself");
}

// Pages that were moved away or reclaimed since.
void ProbeMemory::drop_strays() {
  if (pages_.empty()) return;
  const std::vector<int> nodes = nodes_of(pages_);
  if (std::all_of(nodes.begin(), nodes.end(), [&](int node) { return node == node_.value; })) return;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i] == node_.value) continue;
    const bool own = pages_[i] >= start_ && pages_[i] < start_ + wanted_ * page_size_;
    if (own) give_back((pages_[i] - start_) / page_size_);
  }
  file_pages_.clear();
  changed();
}

void ProbeMemory::grow() {
  const std::size_t before = pages_.size();
  if (prefer_node()) {
    for (std::size_t first = 0; first < wanted_; first += kAtOnce) {
      const std::size_t end = std::min(first + kAtOnce, wanted_);
      const bool missing = std::find(kept_.begin() + static_cast<std::ptrdiff_t>(first),
                                     kept_.begin() + static_cast<std::ptrdiff_t>(end),
                                     false) != kept_.begin() + static_cast<std::ptrdiff_t>(end);
      if (missing && keep_landed(first, end) == 0) break;  // full
    }
    changed();
    if (pages_.size() < kFewest) read_file_pages();
  }
  wait_ = pages_.size() > before ? 1 : std::min(wait_ * 2, kLongestWait);
}

// Touches the pages of [first, end) that are not kept yet. Pages that came to be kept.
std::size_t ProbeMemory::keep_landed(std::size_t first, std::size_t end) {
  std::vector<std::size_t> tried;
  std::vector<Address> addresses;
  for (std::size_t page = first; page < end; ++page) {
    if (kept_[page]) continue;
    *reinterpret_cast<volatile char*>(address(page)) = 1;
    tried.push_back(page);
    addresses.push_back(address(page));
  }
  const std::vector<int> nodes = nodes_of(addresses);
  std::size_t landed = 0;
  for (std::size_t i = 0; i < tried.size(); ++i) {
    kept_[tried[i]] = nodes[i] == node_.value;
    if (kept_[tried[i]]) {
      lock(tried[i]);
      ++landed;
    } else {
      give_back(tried[i]);
    }
  }
  return landed;
}

// Against reclaim and demotion. Without the right to lock, strays are noticed at the next refresh.
void ProbeMemory::lock(std::size_t page) const {
  ::mlock(reinterpret_cast<void*>(address(page)), page_size_);
}

void ProbeMemory::give_back(std::size_t page) {
  void* const start = reinterpret_cast<void*>(address(page));
  ::munlock(start, page_size_);
  ::madvise(start, page_size_, MADV_DONTNEED);
  kept_[page] = false;
}

void ProbeMemory::read_file_pages() {
  file_pages_ = OwnFile::instance().pages_on(node_);
  changed();
}

void ProbeMemory::changed() {
  pages_.clear();
  for (std::size_t page = 0; page < wanted_; ++page)
    if (kept_[page]) pages_.push_back(address(page));
  if (pages_.size() >= kFewest) file_pages_.clear();
  pages_.insert(pages_.end(), file_pages_.begin(), file_pages_.end());
  ++version_;
}

void evict_line(const void* line) {
#if defined(__x86_64__)
  __builtin_ia32_clflush(line);
#elif defined(__aarch64__)
  asm volatile("dc civac, %0" ::"r"(line) : "memory");
#else
  (void)line;
#endif
}

void evictions_done() {
#if defined(__x86_64__)
  __builtin_ia32_mfence();
#elif defined(__aarch64__)
  asm volatile("dsb sy" ::: "memory");
#endif
}

}  // namespace tier
