// What this kernel and this process may do. Probed once at start; decides which access source runs.
#pragma once

#include <string>
#include <vector>

namespace tier {

enum class Feature {
  kBtf,         // /sys/kernel/btf/vmlinux
  kBpfTracing,  // tp_btf programs load
  kBpfRingBuffer,
  kPerfCpuClock,      // software cpu-clock events with a BPF program
  kHardwareSampling,  // PEBS / IBS / SPE with data addresses
  kDamonVaddr,        // DAMON fvaddr through sysfs, and not owned by somebody else
  kDamonTracepoint,   // damon_aggregated
  kFaultTracepoint,   // exceptions:page_fault_user
  kMovePages,         // move_pages(2) on another process
  kPidfd,
  kPsi,
  kHmat,  // access0/initiators attributes
};

struct FeatureState {
  Feature feature;
  std::string name;  // as people search for it
  bool present = false;
  std::string first_kernel;  // first mainline version that has it
  std::string reason;        // what the probe saw when absent
  std::string fix;           // config option, capability, sysctl, mount
};

// One access source: whether it runs here, and why or why not.
struct SourceDecision {
  std::string name;  // "hardware", "stall", "damon", "faults"
  bool chosen = false;
  std::string reason;  // what it is for when chosen; what is missing, and the fix, when not
};

class FeatureProbe {
 public:
  virtual ~FeatureProbe() = default;
  virtual std::vector<FeatureState> probe() = 0;  // every Feature, in enum order
};

}  // namespace tier
