// DAMON as a source of access frequencies: our own kdamond on spans of the targets' maps, its results read by
// BPF.
#pragma once

#include <memory>
#include <string>

#include "core/clock.h"
#include "platform/api/access_source.h"
#include "platform/linux/sampling/bpf_support.h"
#include "platform/linux/sampling/sampling_settings.h"

namespace tier {

inline constexpr const char* kDamonAdmin = "/sys/kernel/mm/damon/admin";

// Each sample stands for the accesses of one span since the last round (kAccesses). Accessed bits saturate at
// any one sampling interval, so three are used in turn, ten times apart; the pause between rounds keeps
// kdamond in the CPU budget. A thread of its own changes the intervals, since they are shorter than a tick.
class DamonSource final : public AccessSource {
 public:
  DamonSource(SamplingSettings settings, const Clock& clock, std::string admin = kDamonAdmin);
  ~DamonSource() override;

  Result<void> start() override;  // refuses when somebody else runs DAMON
  Result<void> set_targets(std::span<const Target> targets) override;
  Result<void> set_ranges(TargetId target, std::span<const Mapping> mappings) override;
  Result<SampleBatch> collect() override;
  SourceStatus status() const override;
  void stop() override;

 private:
  class Impl;
  SamplingSettings settings_;
  const Clock& clock_;
  std::string admin_;
  std::unique_ptr<Impl> impl_;  // while running
};

}  // namespace tier
