#include "platform/linux/pages.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "platform/linux/living_thread.h"

namespace tier {
namespace {

PageCall call_move_pages(Pid pid, std::span<const Address> pages, const int* nodes) {
  PageCall call;
  call.status.assign(pages.size(), kStatusUnknown);
  static_assert(sizeof(Address) == sizeof(void*), "user addresses are passed as pointers");
  call.value = ::syscall(SYS_move_pages, pid.value, pages.size(), pages.data(), nodes, call.status.data(),
                         MPOL_MF_MOVE);
  if (call.value < 0) call.error_number = errno;
  return call;
}

// The kernel takes the memory of the task that has the number, and a first thread that has ended has none
// (find_mm_struct of mm/migrate.c: EINVAL).
PageCall call_by_living_thread(Pid pid, std::span<const Address> pages, const int* nodes) {
  PageCall call = call_move_pages(pid, pages, nodes);
  if (call.value >= 0 || call.error_number != EINVAL) return call;
  const auto thread = living_thread(pid);
  return thread ? call_move_pages(*thread, pages, nodes) : call;
}

}  // namespace

PageCall LinuxPages::locate(Pid pid, std::span<const Address> pages) const {
  return call_by_living_thread(pid, pages, nullptr);
}

PageCall LinuxPages::move(Pid pid, std::span<const Address> pages, NodeId to) {
  const std::vector<int> nodes(pages.size(), to.value);
  return call_by_living_thread(pid, pages, nodes.data());
}

}  // namespace tier
