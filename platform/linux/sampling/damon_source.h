// DAMON as a source of access frequencies: our own kdamond on spans of the targets' maps, its results read by
// BPF.
#pragma once

#include <memory>
#include <string>

#include "core/clock.h"
#include "platform/api/access_source.h"
#include "platform/linux/sampling/bpf_support.h"
#include "platform/linux/sampling/sampling_settings.h"
#include "platform/linux/sampling/switched_source.h"

namespace tier {

inline constexpr const char* kDamonAdmin = "/sys/kernel/mm/damon/admin";

// Each sample stands for the accesses of one span since the last round (kAccesses). Accessed bits saturate at
// any one sampling interval, so three are used in turn, ten times apart; the pause between rounds keeps
// kdamond in the CPU budget. Refuses to start when somebody else runs DAMON. A thread of its own changes the
// intervals, since they are shorter than a tick.
//
// Beside a source that shows what is waited for it does less: the bits are looked at once in each of longer
// intervals, and nothing is said but which spans were touched (SampleBatch::looks).
enum class DamonUse : std::uint8_t { kFrequencies, kTouched };

class DamonSource final : public SwitchedSource {
 public:
  DamonSource(SamplingSettings settings, const Clock& clock, DamonUse use = DamonUse::kFrequencies,
              std::string admin = kDamonAdmin);

 private:
  class Impl;
  std::unique_ptr<Run> new_run() const override;

  SamplingSettings settings_;
  const Clock& clock_;
  DamonUse use_;
  std::string admin_;
};

}  // namespace tier
