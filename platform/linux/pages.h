// move_pages(2).
#pragma once

#include <atomic>
#include <functional>

#include "platform/api/pages.h"

namespace tier {

// MAX_NUMNODES with the largest NODES_SHIFT that Kconfig allows (include/linux/numa.h).
inline constexpr std::size_t kMostNodes = 1024;

// Pages of one call that moves them. Since Linux 6.3 the kernel takes all pages of a call out of the page
// table, up to 512 of them, before it copies the first (mm/migrate.c, migrate_pages_batch), and a program
// that touches one waits for it. The fixed part of a call, some 100 us of our own time, is paid more often.
inline constexpr std::size_t kPagesAtOnce = 64;

// Calls `move` with `most` pages at a time, and answers as one call for all of them would: it ends with the
// first part that fails or leaves pages out, and counts those that were not tried among the latter.
PageCall move_in_parts(std::span<const Address> pages, std::size_t most,
                       const std::function<PageCall(std::span<const Address>)>& move);

// The raw system call, so that its value, errno and statuses arrive together.
class LinuxPages final : public PageLocator, public PageMover {
 public:
  PageCall locate(Pid pid, std::span<const Address> pages) const override;
  PageCall move(Pid pid, std::span<const Address> pages, NodeId to,
                PageSharing sharing = PageSharing::kOwn) override;

 private:
  PageCall move_together(Pid pid, std::span<const Address> pages, NodeId to, PageSharing sharing);

  std::atomic<bool> may_move_all_{true};  // until the kernel says that CAP_SYS_NICE is missing
};

}  // namespace tier
