#include "migrator/move_errors.h"

#include <algorithm>
#include <array>
#include <cerrno>

namespace tier {
namespace {

using Fault = MoveFault;
using Retry = MoveRetry;

// move_pages(2) of man-pages 6.9; mm/migrate.c of Linux 6.1 to 7.2 (do_pages_move, add_page_for_migration,
// move_to_new_folio, kernel_move_pages); mm/mempolicy.c for cpusets.
constexpr std::array kErrors = {
    MoveError{EBUSY, "EBUSY", Fault::kPage, Retry::kSoon, "in use by I/O or pinned"},
    MoveError{EAGAIN, "EAGAIN", Fault::kPage, Retry::kSoon, "in use during every attempt of the kernel"},
    MoveError{EACCES, "EACCES", Fault::kRegion, Retry::kLater,
              "shared with another process (which takes CAP_SYS_NICE), or outside the target's cpuset"},
    MoveError{EIO, "EIO", Fault::kPage, Retry::kSoon,
              "waits to be written back, or the page's place could not be read"},
    MoveError{EINVAL, "EINVAL", Fault::kRegion, Retry::kLater,
              "changed pages of a file system that cannot move them, or a kernel thread"},
    MoveError{ENOSYS, "ENOSYS", Fault::kRegion, Retry::kLater,
              "pages of a size that this kernel cannot move"},
    MoveError{EFAULT, "EFAULT", Fault::kPage, Retry::kNext, "not mapped any more, or the shared zero page"},
    MoveError{ENOENT, "ENOENT", Fault::kPage, Retry::kNext, "not resident any more"},
    MoveError{ENOMEM, "ENOMEM", Fault::kNode, Retry::kNext, "the node has no free memory for them"},
    MoveError{ENODEV, "ENODEV", Fault::kNode, Retry::kNext, "the node is offline"},
    MoveError{ESRCH, "ESRCH", Fault::kProcess, Retry::kNext, "the process is gone"},
    MoveError{EPERM, "EPERM", Fault::kDaemon, Retry::kNext,
              "tierd lacks CAP_SYS_PTRACE for this process, or CAP_SYS_NICE for shared pages"},
    MoveError{E2BIG, "E2BIG", Fault::kDaemon, Retry::kNext, "too many pages in one call"},
};

template <typename Holds>
bool any_failed(const PageCounts& pages, Holds holds) {
  return std::any_of(pages.failed.begin(), pages.failed.end(), [&](const auto& failed) {
    const MoveError* error = find_move_error(failed.first);
    return error != nullptr && holds(*error);
  });
}

bool about_pages(const MoveError& error) {
  return (error.fault == Fault::kPage || error.fault == Fault::kRegion) && error.retry != Retry::kNext;
}

}  // namespace

std::span<const MoveError> move_errors() { return kErrors; }

const MoveError* find_move_error(int number) {
  const auto* it = std::find_if(kErrors.begin(), kErrors.end(),
                                [number](const MoveError& error) { return error.number == number; });
  return it == kErrors.end() ? nullptr : it;
}

std::string failures_text(const PageCounts& pages) {
  std::string text;
  const auto add = [&](std::uint64_t count, const std::string& what) {
    if (!text.empty()) text += "; ";
    text += std::to_string(count) + " pages " + what;
  };
  for (const auto& [number, count] : pages.failed) {
    const MoveError* error = find_move_error(number);
    add(count, error != nullptr ? std::string(error->name) + ": " + error->means
                                : "errno " + std::to_string(number));
  }
  if (pages.marked > 0) add(pages.marked, "marked by NUMA balancing: this kernel does not move those");
  return text;
}

bool region_refused(const PageCounts& pages) { return pages.moved == 0 && any_failed(pages, about_pages); }

bool refusal_lasts(const PageCounts& pages) {
  return !any_failed(
      pages, [](const MoveError& error) { return about_pages(error) && error.retry == Retry::kSoon; });
}

}  // namespace tier
