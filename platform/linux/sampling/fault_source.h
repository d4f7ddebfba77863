// Page faults as access samples: first touches, and the hint faults of kernel NUMA balancing (both raise
// exceptions:page_fault_user; the kernel has no tracepoint of its own for hint faults).
#pragma once

#include <memory>

#include "core/clock.h"
#include "platform/api/access_source.h"
#include "platform/linux/sampling/bpf_support.h"
#include "platform/linux/sampling/sampling_settings.h"
#include "platform/linux/sampling/switched_source.h"

namespace tier {

// Each sample stands for one access (kAccesses): a page faults once however often it is used afterwards.
class FaultSource final : public SwitchedSource {
 public:
  FaultSource(SamplingSettings settings, const Clock& clock, std::string btf_path = kKernelBtf);

 private:
  class Impl;
  std::unique_ptr<Run> new_run() const override;

  SamplingSettings settings_;
  const Clock& clock_;
  std::string btf_path_;
};

}  // namespace tier
