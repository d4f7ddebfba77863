// process_madvise(2).
#pragma once

#include "platform/api/advice.h"

namespace tier {

// Linux 5.15 (5.10 has the call, not this advice); CAP_SYS_NICE and PTRACE_MODE_READ where the process is
// another one's.
class LinuxPageAdvisor final : public PageAdvisor {
 public:
  Result<Bytes> will_need(Pid pid, std::uint64_t start_time, std::span<const AddressRange> ranges) override;
};

}  // namespace tier
