// Which features this kernel and this process have, each with what was seen and how to get it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "core/result.h"
#include "platform/api/features.h"
#include "platform/linux/sampling/sampling_settings.h"

namespace tier {

// What can only be learnt by trying; each returns the reason of a failure. Tests hand in their own.
struct KernelTrials {
  std::function<Result<void>()> tracing_program;           // load a tp_btf program
  std::function<Result<void>()> ring_buffer;               // create a BPF ring buffer
  std::function<Result<void>()> clock_event;               // open a cpu-clock event on all processes
  std::function<Result<void>()> pidfd;                     // pidfd_open(2) on ourselves
  std::function<Result<void>()> move_pages;                // move_pages(2) query on ourselves
  std::function<bool(const std::string&)> tracepoint_btf;  // is there a BTF-typed tracepoint of this name
};
KernelTrials real_kernel_trials();

// Reads files below `root` only ("" for the running system); what is no file goes through the trials.
// `runtime_directory`, below `root` too: where a tierd that uses DAMON says so.
class LinuxFeatureProbe final : public FeatureProbe {
 public:
  explicit LinuxFeatureProbe(std::string root = "", KernelTrials trials = real_kernel_trials(),
                             std::string runtime_directory = SamplingSettings().runtime_directory);
  std::vector<FeatureState> probe() override;

 private:
  FeatureState btf() const;
  FeatureState hardware() const;
  FeatureState damon_sysfs() const;
  FeatureState move_pages() const;
  FeatureState psi() const;
  FeatureState hmat() const;
  FeatureState tried(FeatureState state, const Result<void>& outcome) const;
  FeatureState traced(FeatureState state, const std::string& tracepoint) const;

  std::string root_;
  KernelTrials trials_;
  std::string runtime_directory_;
};

}  // namespace tier
