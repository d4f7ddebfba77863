// What samples tell of each CPU: how long programs waited there, for which memory, and how the instructions
// that waited go through it.
#pragma once

#include <map>
#include <vector>

#include "core/access_sample.h"
#include "core/region.h"
#include "core/topology.h"
#include "platform/api/meter.h"
#include "prefetch/loop/feedback.h"
#include "prefetch/patterns/access_patterns.h"

namespace tier {

// Not thread-safe.
class CpuSamples {
 public:
  // `last`: the snapshot of the tick before, which knows where regions lie; `region_size` a power of two.
  void add(const SampleBatch& batch, const RegionSnapshot& last, const TierTopology& topology,
           Bytes region_size);
  void close(Nanoseconds now);  // the tick is over

  // By CPU number; what was waited fades over a few ticks, so that few samples do not tell too much.
  std::vector<CpuActivity> activity() const;
  // kSampledStall of every CPU that was sampled, as of the tick that ended last and read at its end: who
  // reads twice in one tick has nothing new.
  std::vector<CounterReading> stall() const;

 private:
  struct Cpu {
    double stall = 0, slow = 0;  // seconds, fading
    double counted = 0;          // seconds since start
    double fresh = 0, fresh_slow = 0;
  };
  std::map<std::uint32_t, Cpu> cpus_;
  Nanoseconds closed_{};
  AccessPatterns patterns_;
};

// The stall as one signal among the others. `samples` must outlive it.
class SampledStallMeter final : public Meter {
 public:
  explicit SampledStallMeter(const CpuSamples& samples) : samples_(samples) {}
  const char* name() const override { return "samples"; }
  std::vector<CounterReading> read() override { return samples_.stall(); }

 private:
  const CpuSamples& samples_;
};

}  // namespace tier
