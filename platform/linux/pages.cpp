#include "platform/linux/pages.h"

#include <numaif.h>

#include <cerrno>

#include "platform/linux/living_thread.h"

namespace tier {
namespace {

PageCall call_move_pages(Pid pid, std::span<const Address> pages, const int* nodes, int flags) {
  PageCall call;
  call.status.assign(pages.size(), kStatusUnknown);
  static_assert(sizeof(Address) == sizeof(void*), "user addresses are passed as pointers");
  // The kernel only reads the addresses (move_pages(2)); the declaration predates that promise.
  auto* const addresses = reinterpret_cast<void**>(const_cast<Address*>(pages.data()));
  call.value = ::move_pages(pid.value, pages.size(), addresses, nodes, call.status.data(), flags);
  if (call.value < 0) call.error_number = errno;
  return call;
}

// The kernel takes the memory of the task that has the number, and a first thread that has ended has none
// (find_mm_struct of mm/migrate.c: EINVAL).
PageCall call_by_living_thread(Pid pid, std::span<const Address> pages, const int* nodes, int flags) {
  PageCall call = call_move_pages(pid, pages, nodes, flags);
  if (call.value >= 0 || call.error_number != EINVAL) return call;
  const auto thread = living_thread(pid);
  return thread ? call_move_pages(*thread, pages, nodes, flags) : call;
}

}  // namespace

PageCall LinuxPages::locate(Pid pid, std::span<const Address> pages) const {
  return call_by_living_thread(pid, pages, nullptr, MPOL_MF_MOVE);
}

// MPOL_MF_MOVE_ALL needs CAP_SYS_NICE (mm/migrate.c, kernel_move_pages). Without it the call says EPERM, as
// it does for a process that may not be touched at all: the same call without the flag tells the two apart.
PageCall LinuxPages::move(Pid pid, std::span<const Address> pages, NodeId to, PageSharing sharing) {
  const std::vector<int> nodes(pages.size(), to.value);
  if (sharing == PageSharing::kShared && may_move_all_) {
    PageCall call = call_by_living_thread(pid, pages, nodes.data(), MPOL_MF_MOVE_ALL);
    if (call.value >= 0 || call.error_number != EPERM) return call;
    call = call_by_living_thread(pid, pages, nodes.data(), MPOL_MF_MOVE);
    if (call.value >= 0 || call.error_number != EPERM) may_move_all_ = false;
    return call;
  }
  return call_by_living_thread(pid, pages, nodes.data(), MPOL_MF_MOVE);
}

}  // namespace tier
