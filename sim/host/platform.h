// A simulated machine behind the platform's interfaces: the daemon's engine and migrator run on it unchanged.
//
// A tier is a NUMA node, a target a process, a region one page: the machine moves regions whole, and prices
// the pages inside. A move's time passes on the machine while the call lasts, so that callers who measure
// calls measure what the machine charges.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "platform/api/access_source.h"
#include "platform/api/machine.h"
#include "platform/api/pages.h"
#include "platform/api/process_table.h"
#include "sim/machine/machine.h"
#include "sim/machine/sampling.h"

namespace tier::sim {

// Not thread-safe. The machine must outlive it; attaches itself to it.
class SimulatedPlatform final : public ProcessTable,
                                public PageLocator,
                                public PageMover,
                                public TopologyReader,
                                public LatencyProbe,
                                public PressureReader,
                                public SelfMeter,
                                public RivalFinder,
                                public Clock,
                                public Observer {
 public:
  explicit SimulatedPlatform(Machine& machine);

  static Pid pid_of(std::uint32_t target) { return {static_cast<std::int32_t>(target) + 100}; }

  Nanoseconds now() const override { return machine_.now(); }
  // ProcessTable
  Result<std::vector<Pid>> list() const override;
  Result<Target> describe(Pid pid) const override;
  Result<std::vector<Pid>> in_cgroup(const std::string& path) const override;
  Result<std::vector<Mapping>> mappings(Pid pid) const override;
  std::uint64_t mappings_version(Pid pid) const override;
  Result<std::unique_ptr<ProcessHandle>> open(Pid pid, std::uint64_t start_time) const override;
  Bytes base_page_size() const override { return machine_.region_size(); }
  // PageLocator, PageMover
  PageCall locate(Pid pid, std::span<const Address> pages) const override;
  PageCall move(Pid pid, std::span<const Address> pages, NodeId to,
                PageSharing sharing = PageSharing::kOwn) override;
  // TopologyReader, LatencyProbe, PressureReader, SelfMeter, RivalFinder
  Result<std::vector<NumaNode>> nodes() const override;
  Result<Nanoseconds> measure(NodeId node) override;
  Nanoseconds cost() const override { return Nanoseconds{0}; }
  MemoryPressure memory_avg10() const override { return {0, {}}; }
  std::optional<double> cpu_some_avg10() const override;
  SelfUsage usage() const override { return {}; }
  Nanoseconds thread_cpu() const override { return {}; }
  std::vector<Rival> find() const override { return {}; }
  // Observer
  void on_segment(Machine&, const Segment&) override {}
  void on_allocate(Machine& machine, Region first, std::uint32_t count) override;
  void on_release(Machine& machine, Region first, std::uint32_t count) override;

 private:
  struct Process {
    std::map<Region, Region> runs;  // allocated: first -> one past the last
    Region regions = 0;
    std::uint64_t version = 1;
  };
  const Process* find(Pid pid) const;  // null when it does not run

  Machine& machine_;
  std::vector<Process> processes_;  // by target
};

// Stall samples of the machine as an access source.
class SimulatedStallSource final : public AccessSource {
 public:
  // `bits_every`: how often accessed bits are looked at; 0: never. Looking costs nothing here.
  SimulatedStallSource(Machine& machine, StallSamplingSettings settings, std::uint64_t seed,
                       Nanoseconds bits_every = {})
      : machine_(machine),
        sampler_(settings, seed),
        random_(seed ^ 0x9E3779B97F4A7C15ULL),
        bits_random_(seed ^ 0xC2B2AE3D27D4EB4FULL),
        bits_every_(bits_every) {}
  std::string name() const override { return "stall"; }
  Result<void> start() override;
  Result<void> set_targets(std::span<const Target> targets) override;
  Result<SampleBatch> collect() override;
  SourceStatus status() const override;
  void stop() override {}

 private:
  void look_at_bits(SampleBatch& batch);

  Machine& machine_;
  StallSampler sampler_;
  Random random_, bits_random_;
  Nanoseconds bits_every_, bits_looked_{};
  std::map<Pid, TargetId> targets_;
  SampleCounters totals_;
  SamplingCounters seen_;
};

}  // namespace tier::sim
