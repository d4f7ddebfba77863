#include "platform/linux/pages.h"

#include <linux/mempolicy.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

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

}  // namespace

PageCall LinuxPages::locate(Pid pid, std::span<const Address> pages) const {
  return call_move_pages(pid, pages, nullptr);
}

PageCall LinuxPages::move(Pid pid, std::span<const Address> pages, NodeId to) {
  const std::vector<int> nodes(pages.size(), to.value);
  return call_move_pages(pid, pages, nodes.data());
}

}  // namespace tier
