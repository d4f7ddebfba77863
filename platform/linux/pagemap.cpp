#include "platform/linux/pagemap.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace tier {
namespace {

// linux/fs.h since Linux 6.7.
constexpr unsigned long kPagemapScan = _IOWR('f', 16, PagemapScanArgument);
constexpr std::uint64_t kIsPresent = 1ULL << 3;  // PAGE_IS_PRESENT

constexpr std::uint64_t kEntryPresent = 1ULL << 63;  // Documentation/admin-guide/mm/pagemap.rst

// PAGEMAP_SCAN holds the mmap lock until its vector is full, which one uniform range never makes it.
constexpr std::uint64_t kSpan = 64ULL << 20;
constexpr std::size_t kRegions = 512;
constexpr std::size_t kEntries = 2048;  // 16 KiB a read

void append(std::vector<AddressRange>& ranges, AddressRange range) {
  if (range.empty()) return;
  if (!ranges.empty() && ranges.back().end >= range.start)
    ranges.back().end = std::max(ranges.back().end, range.end);
  else
    ranges.push_back(range);
}

}  // namespace

Result<std::vector<AddressRange>> scan_present(AddressRange range, const PagemapScan& scan) {
  std::vector<AddressRange> present;
  std::array<PagemapRegion, kRegions> regions;
  for (Address at = range.start; at < range.end;) {
    PagemapScanArgument argument;
    argument.size = sizeof(argument);
    argument.start = at;
    argument.end = std::min(range.end, at + kSpan);
    argument.category_mask = argument.return_mask = kIsPresent;
    const int count = scan(argument, regions);
    if (count == -EINTR || count == -EAGAIN) continue;
    if (count < 0) return fail_errno("PAGEMAP_SCAN", -count);
    if (static_cast<std::size_t>(count) > regions.size())
      return fail(ErrorKind::kFailed, "PAGEMAP_SCAN returned more regions than it was given room for");
    Address next = argument.walk_end;
    for (const PagemapRegion& region : std::span(regions).first(static_cast<std::size_t>(count))) {
      if (region.start < at || region.end > argument.end || region.end <= region.start)
        return fail(ErrorKind::kFailed, "PAGEMAP_SCAN returned pages that were not asked for");
      append(present, {region.start, region.end});
      next = std::max<Address>(next, region.end);
    }
    if (next <= at || next > argument.end) return fail(ErrorKind::kFailed, "PAGEMAP_SCAN did not go forward");
    at = next;
  }
  return present;
}

void append_present(std::span<const std::uint64_t> entries, Address start, std::uint64_t page_size,
                    std::vector<AddressRange>& ranges) {
  for (const std::uint64_t entry : entries) {
    if ((entry & kEntryPresent) != 0) append(ranges, {start, start + page_size});
    start += page_size;
  }
}

Result<Pagemap> Pagemap::open(Pid pid, const std::string& root) {
  std::string path = under(root, "/proc/" + std::to_string(pid.value) + "/pagemap");
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return fail_errno(path, errno);
  return Pagemap(std::move(fd), std::move(path), static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

Result<std::vector<AddressRange>> Pagemap::present(AddressRange range) {
  range.start &= ~(page_size_ - 1);
  range.end = (range.end + page_size_ - 1) & ~(page_size_ - 1);
  if (range.empty()) return std::vector<AddressRange>{};
  if (scan_) {
    auto found = scan(range);
    if (found || scan_) return found;
  }
  return read_entries(range);
}

Result<std::vector<AddressRange>> Pagemap::scan(AddressRange range) {
  return scan_present(range, [this](PagemapScanArgument& argument, std::span<PagemapRegion> regions) {
    argument.vec = reinterpret_cast<std::uint64_t>(regions.data());
    argument.vec_len = regions.size();
    const int count = ::ioctl(fd_.get(), kPagemapScan, &argument);
    if (count >= 0) return count;
    const int error_number = errno;
    // ENOTTY: the kernel is older; EINVAL: the file is a test's.
    if (error_number == ENOTTY || error_number == EINVAL) scan_ = false;
    return -error_number;
  });
}

Result<std::vector<AddressRange>> Pagemap::read_entries(AddressRange range) const {
  std::vector<AddressRange> present;
  std::array<std::uint64_t, kEntries> entries;
  for (Address at = range.start; at < range.end;) {
    const std::uint64_t pages = std::min<std::uint64_t>(kEntries, (range.end - at) / page_size_);
    const ssize_t n = ::pread(fd_.get(), entries.data(), pages * sizeof(std::uint64_t),
                              static_cast<off_t>(at / page_size_ * sizeof(std::uint64_t)));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(path_, errno);
    const auto got = static_cast<std::size_t>(n) / sizeof(std::uint64_t);
    if (got == 0) break;  // beyond the address space, or the process has none any more
    append_present(std::span(entries).first(got), at, page_size_, present);
    at += got * page_size_;
  }
  return present;
}

}  // namespace tier
