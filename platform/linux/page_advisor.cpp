#include "platform/linux/page_advisor.h"

#include <limits.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "platform/linux/file.h"
#include "platform/linux/proc_text.h"

namespace tier {
namespace {

// Of one range of a file the kernel reads what its device takes in one request or reads ahead, whichever is
// more, and forgets the rest without a word (mm/readahead.c, force_page_cache_ra). 128 KiB is its least usual
// read-ahead.
constexpr std::uint64_t kPiece = 128 << 10;

std::vector<iovec> pieces_of(std::span<const AddressRange> ranges) {
  std::vector<iovec> pieces;
  for (const AddressRange& range : ranges)
    for (Address at = range.start; at < range.end; at += kPiece)
      pieces.push_back({reinterpret_cast<void*>(at), std::min(kPiece, range.end - at)});
  return pieces;
}

Result<FileDescriptor> open_process(Pid pid, std::uint64_t start_time) {
  const std::string name = "process " + std::to_string(pid.value);
  // First the descriptor, then the identity: it is of whom it was opened for, whoever has the number later.
  FileDescriptor pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid.value, 0)));
  if (!pidfd.valid()) return fail_errno(name, errno, errno == ENOSYS ? "Linux 5.15 or later" : "");
  const auto text = read_file("/proc/" + std::to_string(pid.value) + "/stat");
  const auto stat = text ? parse_stat(*text) : std::nullopt;
  if (!stat) return fail(ErrorKind::kFailed, name + " does not exist any more");
  if (stat->start_time != start_time)
    return fail(ErrorKind::kFailed, name + " is another one: the number was reused");
  return pidfd;
}

tl::unexpected<Error> refused(Pid pid, int error_number) {
  const std::string what = "advice about process " + std::to_string(pid.value);
  switch (error_number) {
    case ENOSYS:
      return fail_errno(what, error_number, "Linux 5.15 or later");
    case EPERM:
    case EACCES:
      return fail_errno(what, error_number, "give tierd CAP_SYS_NICE and CAP_SYS_PTRACE");
    case EINVAL:  // the one way that advice and ranges like these are invalid: it came with Linux 5.15
      return fail(ErrorKind::kUnsupported, what + ": this kernel takes no MADV_WILLNEED for another process",
                  "Linux 5.15 or later");
    default:
      return fail_errno(what, error_number);
  }
}

}  // namespace

Result<Bytes> LinuxPageAdvisor::will_need(Pid pid, std::uint64_t start_time,
                                          std::span<const AddressRange> ranges) {
  const auto pidfd = TIER_TRY(open_process(pid, start_time));
  const std::vector<iovec> pieces = pieces_of(ranges);
  Bytes taken;
  int first_error = 0;
  // The call ends at the first piece that has a part not mapped, and says how far it came.
  for (std::size_t at = 0; at < pieces.size();) {
    const std::size_t count = std::min<std::size_t>(pieces.size() - at, IOV_MAX);
    const long done = ::syscall(SYS_process_madvise, pidfd.get(), &pieces[at], count, MADV_WILLNEED, 0);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0 && errno != ENOMEM && errno != EBADF) return refused(pid, errno);
    if (done < 0 && first_error == 0) first_error = errno;
    std::size_t left = static_cast<std::size_t>(std::max(done, 0L));
    taken += Bytes{left};
    const std::size_t end = at + count;
    while (at < end && left >= pieces[at].iov_len) left -= pieces[at++].iov_len;
    if (at < end) ++at;
  }
  if (taken.value == 0 && first_error != 0) return refused(pid, first_error);
  return taken;
}

}  // namespace tier
