// What a workload generator is made of: a pattern says what is asked and when that changes; everything else
// (intervals, allocation, the arithmetic of demand) is the same for all of them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/workload.h"
#include "sim/workloads/parameters.h"

namespace tier::sim {

// The machine for which demand is sized: an interval takes its nominal length where every load waits 100 ns,
// a socket's own DRAM (80-110 ns on servers since 2017), stores wait three tenths of that (see
// MachineDescription::store_wait) and prefetchers are on.
inline constexpr double kReferenceLatency = 100e-9;  // seconds
inline constexpr double kReferenceStoreWait = 0.3;
inline constexpr double kLineSize = 64;

// Memory-level parallelism. A core of x86-64 keeps 10 (Nehalem to Skylake), 12 (Ice Lake) or 16 (Golden Cove)
// first-level misses in flight: Intel's optimisation manual, "line fill buffers". Random updates come near
// to that, less what branches and page walks cost; look-ups in a store depend on each other in chains of two
// to four; a list has one.
inline constexpr double kUpdateParallelism = 8, kLookupParallelism = 3, kChaseParallelism = 1;
// Sequential streams: the prefetchers of the second level run ahead within a page and miss its first lines.
inline constexpr double kStreamParallelism = 10, kStreamPrefetchable = 0.9;

// What all generators share.
struct Common {
  std::uint32_t regions = 0;
  Bytes region_size = kDefaultRegionSize;
  Nanoseconds interval{};
  std::uint64_t intervals = 0;
  double threads = 1;
  double intensity = 0;  // share of time that waits for memory on the reference machine
  std::uint64_t seed = 1;
  PageKind pages = PageKind::kHuge;

  double length() const { return seconds(interval); }
  double thread_seconds() const { return length() * threads; }
  double waiting() const { return intensity * thread_seconds(); }  // thread-seconds per interval
  double time(std::uint64_t index) const { return length() * static_cast<double>(index); }
  std::uint32_t part(double share) const;  // that many regions, at least one
  RegionEvent event(RegionChange change, std::uint32_t first, std::uint32_t count) const;
};

inline Stream lookup_stream(const char* name) { return {name, 0, kLookupParallelism, 0}; }
inline Stream sequential_stream(const char* name) {
  return {name, 0, kStreamParallelism, kStreamPrefetchable};
}

// Thread-seconds that one miss of the stream waits on the reference machine; `writes`: share of stores.
double reference_wait(const Stream& stream, double writes);

// kUsage when sequential traffic of `bytes_per_second` alone waits for longer than the intensity allows.
Result<void> check_traffic(const Common& common, double bytes_per_second);

// Collects one interval's demand, stream by stream, in O(regions).
class Painter {
 public:
  explicit Painter(const std::vector<Stream>& streams) : streams_(streams) {
    demand_.streams.resize(streams.size());
  }
  // Regions in ascending order, weights relative to each other within a stream. Weight 0: nothing.
  void cell(std::uint32_t region, double weight);
  void span(std::uint32_t first, std::uint32_t count, double weight);
  // Ends a stream: its cells share so many misses, or as many as wait for so many thread-seconds.
  void by_misses(std::size_t stream, double misses, double writes);
  void by_waiting(std::size_t stream, double thread_seconds, double writes);

  double waits() const { return waits_; }  // thread-seconds of all streams on the reference machine
  Demand take() { return std::move(demand_); }

 private:
  const std::vector<Stream>& streams_;
  Demand demand_;
  std::vector<RegionDemand> cells_;
  double total_ = 0, waits_ = 0;
};

// Not thread-safe. Deterministic: what it does follows from its parameters and the seed.
class Pattern {
 public:
  virtual ~Pattern() = default;
  virtual std::vector<Stream> streams() const = 0;
  // Moves to interval `index`: each once, in order, from 0. Adds what is allocated and released at its start.
  // True: what it asks is no longer what it asked before.
  virtual bool advance(std::uint64_t index, std::vector<RegionEvent>& events) = 0;
  virtual void paint(Painter& painter) const = 0;
};

using MakePattern = Result<std::unique_ptr<Pattern>> (*)(const Common& common, const Values& values);

// The workload of a pattern.
std::unique_ptr<Workload> make_generated(std::string name, const Common& common,
                                         std::unique_ptr<Pattern> pattern);

}  // namespace tier::sim
