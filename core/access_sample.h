// What an access source yields, and what it must admit about itself.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/address_range.h"
#include "core/units.h"

namespace tier {

enum class AccessType : std::uint8_t { kUnknown, kLoad, kStore };
enum class SourceKind : std::uint8_t { kHardware, kStall, kDamon, kFault };

// What `AccessSample::weight` is worth.
enum class WeightMeaning : std::uint8_t {
  kStall,     // seconds the thread waited at this access
  kAccesses,  // number of accesses it stands for (frequency, no stall information)
};

inline constexpr std::uint32_t kNoCpu = UINT32_MAX;

struct AccessSample {
  TargetId target;
  Tid tid;
  Address address = 0;
  Address ip = 0;  // 0 when the source has none
  AccessType type = AccessType::kUnknown;
  WeightMeaning meaning = WeightMeaning::kStall;
  double weight = 0;   // seconds or accesses, see meaning
  Nanoseconds time{};  // monotonic
  SourceKind source = SourceKind::kStall;
  std::uint32_t cpu = kNoCpu;  // that ran the thread, as the kernel numbers them; kNoCpu when not known
};

// Every event is accounted for: taken = delivered + computing + undecoded + deferred + foreign; lost never
// reached user space.
struct SampleCounters {
  std::uint64_t taken = 0;      // events that reached user space
  std::uint64_t delivered = 0;  // became an AccessSample
  std::uint64_t computing = 0;  // the thread waited for no memory then
  std::uint64_t undecoded = 0;  // no data address could be computed
  std::uint64_t deferred = 0;   // its code is looked at later: this time's share for new code was used up
  std::uint64_t foreign = 0;    // belonged to no target any more
  std::uint64_t lost = 0;       // dropped in the kernel or in a full buffer
  SampleCounters& operator+=(const SampleCounters& o) {
    taken += o.taken, delivered += o.delivered, computing += o.computing, undecoded += o.undecoded,
        deferred += o.deferred, foreign += o.foreign, lost += o.lost;
    return *this;
  }
};

// What the accessed bits of a span of a process's memory said: whether anybody touched a page of it since
// they were looked at before. They tell memory that nobody uses from memory that no sample happened to hit.
struct BitsLook {
  TargetId target;
  AddressRange range;
  bool touched = false;
};

struct SampleBatch {
  std::vector<AccessSample> samples;
  std::vector<BitsLook> looks;
  // Targets of the samples in which they computed, of those that showed no address, and of those whose code
  // is looked at later; one entry for each, where the source knows them. They show that the source sees the
  // program.
  std::vector<TargetId> computing, undecoded, deferred;
  SampleCounters counters;  // of this batch only
};

// What a source says of itself in `tierctl doctor` and `status`.
struct SourceStatus {
  std::string name;      // "stall-tick", "stall-clock", "damon", "hardware", "faults"
  std::string fidelity;  // one sentence: what was measured at start
  WeightMeaning meaning = WeightMeaning::kStall;  // of its samples' weights
  double samples_per_second = 0;                  // achieved, over the last interval
  Nanoseconds price_per_sample{};  // CPU time one sample costs the sampled program and us, measured at start
  double cpu_share = 0;            // of one CPU, over the last interval
  double own_share = 0;            // of that, what collect() took; the rest is programs' and the kernel's
  SampleCounters totals;
};

}  // namespace tier
