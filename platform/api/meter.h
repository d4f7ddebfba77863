// Feedback for prefetch control: counters of what programs got done, what they waited for and what memory and
// devices carried.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace tier {

// Counters, that rise by the unit given. Each by unit, see CounterReading.
enum class Signal : std::uint8_t {
  kInstructions,       // retired in user mode, by CPU
  kCycles,             // of user mode, by CPU
  kUserTime,           // ns that programs ran in user mode, by CPU
  kSampledStall,       // ns that watched programs waited for memory, as sampled, by CPU
  kMemoryRead,         // bytes, by NUMA node
  kMemoryWritten,      // bytes, by NUMA node
  kLocalTraffic,       // bytes between a last-level cache and its own memory, by cache (resctrl)
  kRemoteTraffic,      // bytes between a last-level cache and all other memory, by cache
  kFileDemand,         // bytes of files that programs asked for, by block device
  kFileSequential,     // of them those that followed the last ones of the same file
  kFileStrided,        // of them those at the distance from the last ones that these had from those before
  kDeviceRead,         // bytes read from a block device, by it
  kMemoryStall,        // ns that some task waited for memory (PSI memory some)
  kIoStall,            // ns that some task waited for I/O (PSI io some)
  kRefaults,           // pages that came back soon after their eviction
  kMajorFaults,        // faults that waited for a device
  kSwapIns,            // pages read from swap
  kSwapReadahead,      // of them those read ahead of need
  kSwapReadaheadHits,  // and of these those that were used
};
inline constexpr std::size_t kSignals = 19;

// "memory-read"; for views and logs.
inline const char* to_string(Signal signal) {
  static constexpr std::array<const char*, kSignals> kNames = {
      "instructions",   "cycles",        "user-time",      "sampled-stall",      "memory-read",
      "memory-written", "local-traffic", "remote-traffic", "file-demand",        "file-sequential",
      "file-strided",   "device-read",   "memory-stall",   "io-stall",           "refaults",
      "major-faults",   "swap-ins",      "swap-readahead", "swap-readahead-hits"};
  const auto index = static_cast<std::size_t>(signal);
  return index < kSignals ? kNames[index] : "unknown";
}

inline constexpr std::uint32_t kWholeNode = UINT32_MAX;

// One counter at one time. It may be wrong: who uses it sees to that (prefetch/meters/rates.h).
struct CounterReading {
  Signal signal{};
  std::uint32_t unit = kWholeNode;  // CPU, NUMA node, cache, or block device (major << 20 | minor)
  std::uint64_t value = 0;          // since a start that is not known
  Nanoseconds at{};                 // monotonic; when the counter was read, by whoever read it first
  // Time that the counter was asked for and that it really counted (multiplexing), since the same start; both
  // 0: it always counts.
  Nanoseconds enabled{}, running{};
};

class Meter {
 public:
  virtual ~Meter() = default;
  virtual const char* name() const = 0;  // "papi", "vmstat"
  // What there is now; what cannot be read is left out. Bounded in time: it never waits for a network.
  virtual std::vector<CounterReading> read() = 0;
  // Why the latest read() gave less than it should, with the fix; empty where that is not known.
  virtual std::string trouble() const { return {}; }
};

// A row of a table of meters. `actuator`: the prefetch actuator without which the meter is not started;
// empty: it runs as long as the daemon does. `cost`: why, in terms of what the meter costs at rest.
struct MeterEntry {
  std::string name, gives, actuator, cost;
  std::function<Result<std::unique_ptr<Meter>>()> make;
};

// How a meter stands, for people.
struct MeterDecision {
  std::string name;
  bool used = false;      // it runs
  std::string reason;     // what it gives; or why it does not run or does not deliver
  bool delivers = false;  // lately it gave at least one sound rate
};

}  // namespace tier
