// Stall sampling: what the interrupted instruction waited for, without a PMU (docs/design.md, section 5).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/clock.h"
#include "platform/api/access_source.h"
#include "platform/linux/sampling/bpf_support.h"
#include "platform/linux/sampling/live_calibration.h"
#include "platform/linux/sampling/rate_control.h"
#include "platform/linux/sampling/sampling_settings.h"
#include "platform/linux/sampling/switched_source.h"

namespace tier {

struct StallOptions {
  SamplingSettings settings;
  std::string btf_path = kKernelBtf;
  bool ride_tick = true;  // else only the clock event
  WeightMeaning prior = prior_meaning();
  bool calibrate = true;  // else no calibration loop runs: prior and watched programs alone decide
};

struct StallPrices {
  Nanoseconds program{};  // CPU time of the BPF program per sample
  std::optional<Nanoseconds>
      interrupt;         // of one extra interrupt of a cpu-clock event; once it was wanted and measured
  ClockInput chosen_by;  // what the frequency of that event was last chosen by
};

// Rides the kernel's tick, which needs no perf event. The cpu-clock event is added where it is permitted, and
// the tick alone gives too few samples; where no program can ride the tick it is needed. What samples mean is
// calibrated at start (a second and a half at most) and goes on being calibrated while it runs.
class StallSource final : public SwitchedSource {
 public:
  // `clock` must outlive this; it times the rate control and the calibration.
  StallSource(StallOptions options, const Clock& clock);

  StallCalibration calibration() const;  // as known now; empty when not running
  StallPrices prices() const;            // likewise

 private:
  class Impl;
  std::unique_ptr<Run> new_run() const override;

  StallOptions options_;
  const Clock& clock_;
};

}  // namespace tier
