// From the daemon's snapshots to a trace file, tick by tick.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "sim/trace/trace.h"
#include "tierd/control/views.h"

namespace tier {

// What a recording knows before its first tick.
struct RecordingStart {
  std::filesystem::path file;
  Nanoseconds interval{};  // nominal length of a tick
  nlohmann::json machine = nlohmann::json::object();
  std::map<std::string, std::string> provenance;  // "sources" is added from the first tick
};

struct RecordingTotals {
  std::uint64_t ticks = 0;
  Nanoseconds length{};  // sum of the ticks' intervals
  std::size_t targets = 0;
  std::uint32_t regions = 0;
  std::uint64_t lost_ticks = 0;       // between two that arrived
  std::uint64_t omitted_regions = 0;  // that had demand, summed over ticks
  std::uint64_t hidden = 0;           // processes of others, at most in one tick
};

// The file appears at finish(); given up before, nothing is left. Ticks before the first in which a process
// is seen are passed over.
class Recording {
 public:
  explicit Recording(RecordingStart start) : start_(std::move(start)) {}

  // Errors (kUsage) where the snapshot makes no sense; else those of the file.
  Result<void> add(const SnapshotView& snapshot);
  Result<void> finish();
  const RecordingTotals& totals() const { return totals_; }

 private:
  struct HeldRegion {
    std::uint32_t index = 0;
    bool allocated = false;
  };
  struct KnownTarget {
    std::uint32_t index = 0;  // of target and stream alike
    std::map<Address, HeldRegion> regions;
    std::uint64_t seen = 0;  // last tick it was in
  };

  Result<void> open(const SnapshotView& first);
  Result<void> check(const SnapshotView& snapshot) const;
  KnownTarget& known(const SnapshotTargetView& target, std::uint64_t tick);
  void release_gone(std::uint64_t tick, sim::Interval& interval);
  void release_unheld(KnownTarget& target, const SnapshotTargetView& view, sim::Interval& interval);
  void allocate(KnownTarget& target, Address start, PageKind pages, sim::Interval& interval);
  void allocate_new(KnownTarget& target, const SnapshotTargetView& view, sim::Interval& interval);
  void add_event(sim::RegionChange change, const KnownTarget& target, std::uint32_t index, Address start,
                 PageKind pages, sim::Interval& interval) const;
  std::vector<sim::RegionDemand> demand_of(const KnownTarget& target, const SnapshotTargetView& view,
                                           bool stall) const;
  Result<void> write(const sim::Interval& interval);
  void count(const SnapshotView& snapshot, Nanoseconds interval);

  RecordingStart start_;
  sim::WorkloadInfo info_;
  bool has_stall_ = false;
  bool grown_ = false;  // info_, since the writer was told
  std::unique_ptr<sim::TraceWriter> writer_;
  std::map<std::uint64_t, KnownTarget> targets_;  // by the daemon's id
  std::uint64_t last_tick_ = 0;
  RecordingTotals totals_;
};

}  // namespace tier
