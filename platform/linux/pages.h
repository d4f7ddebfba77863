// move_pages(2).
#pragma once

#include <atomic>

#include "platform/api/pages.h"

namespace tier {

// MAX_NUMNODES with the largest NODES_SHIFT that Kconfig allows (include/linux/numa.h).
inline constexpr std::size_t kMostNodes = 1024;

// The raw system call, so that its value, errno and statuses arrive together.
class LinuxPages final : public PageLocator, public PageMover {
 public:
  PageCall locate(Pid pid, std::span<const Address> pages) const override;
  PageCall move(Pid pid, std::span<const Address> pages, NodeId to,
                PageSharing sharing = PageSharing::kOwn) override;

 private:
  std::atomic<bool> may_move_all_{true};  // until the kernel says that CAP_SYS_NICE is missing
};

}  // namespace tier
