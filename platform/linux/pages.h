// move_pages(2).
#pragma once

#include "platform/api/pages.h"

namespace tier {

// The raw system call, so that its value, errno and statuses arrive together. Only pages that the target
// alone maps move (MPOL_MF_MOVE): shared ones would move under others who did not ask.
class LinuxPages final : public PageLocator, public PageMover {
 public:
  PageCall locate(Pid pid, std::span<const Address> pages) const override;
  PageCall move(Pid pid, std::span<const Address> pages, NodeId to) override;
};

}  // namespace tier
