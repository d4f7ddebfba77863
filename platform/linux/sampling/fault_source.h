// Page faults as access samples: first touches, and the hint faults of kernel NUMA balancing (both raise
// exceptions:page_fault_user; the kernel has no tracepoint of its own for hint faults).
#pragma once

#include <memory>

#include "core/clock.h"
#include "platform/api/access_source.h"
#include "platform/linux/sampling/bpf_support.h"
#include "platform/linux/sampling/sampling_settings.h"

namespace tier {

// Each sample stands for one access (kAccesses): a page faults once however often it is used afterwards.
class FaultSource final : public AccessSource {
 public:
  FaultSource(SamplingSettings settings, const Clock& clock, std::string btf_path = kKernelBtf);
  ~FaultSource() override;

  Result<void> start() override;
  Result<void> set_targets(std::span<const Target> targets) override;
  Result<SampleBatch> collect() override;
  SourceStatus status() const override;
  void stop() override;

 private:
  class Impl;
  SamplingSettings settings_;
  const Clock& clock_;
  std::string btf_path_;
  std::unique_ptr<Impl> impl_;  // while running
};

}  // namespace tier
