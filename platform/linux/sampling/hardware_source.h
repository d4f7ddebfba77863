// Hardware sampling: the processor itself reports data addresses, and their latency where it can.
#pragma once

#include <memory>

#include "core/clock.h"
#include "platform/api/access_source.h"
#include "platform/linux/sampling/bpf_support.h"
#include "platform/linux/sampling/hardware_events.h"
#include "platform/linux/sampling/sampling_settings.h"
#include "platform/linux/sampling/switched_source.h"

namespace tier {

// With latency, a sample weighs its latency times the accesses it stands for (kStall; overlapping waits
// count in full); else the accesses it stands for (kAccesses).
class HardwareSource final : public SwitchedSource {
 public:
  // `event`: of find_hardware_event(), or any perf event whose samples carry a user address.
  HardwareSource(SamplingSettings settings, HardwareEvent event, const Clock& clock);

 private:
  class Impl;
  std::unique_ptr<Run> new_run() const override;

  SamplingSettings settings_;
  HardwareEvent event_;
  const Clock& clock_;
};

}  // namespace tier
