// Stall sampling: what the interrupted instruction waited for, without a PMU (docs/design.md, section 5).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "platform/api/access_source.h"
#include "platform/linux/sampling/bpf_support.h"
#include "platform/linux/sampling/calibration.h"
#include "platform/linux/sampling/sampling_settings.h"
#include "platform/linux/sampling/switched_source.h"

namespace tier {

struct StallOptions {
  SamplingSettings settings;
  std::string btf_path = kKernelBtf;
  bool ride_tick = true;                        // else only the clock event
  std::optional<StallCalibration> calibration;  // none: measured by start()
};

class StallSource final : public SwitchedSource {
 public:
  // `clock` must outlive this; it times the rate control only.
  StallSource(StallOptions options, const Clock& clock);

  StallCalibration calibration() const;  // measured by start(); empty when not running

 private:
  class Impl;
  std::unique_ptr<Run> new_run() const override;

  StallOptions options_;
  const Clock& clock_;
};

}  // namespace tier
