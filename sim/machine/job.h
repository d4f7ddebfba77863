// One workload on the machine: the interval it is in, and how far. Private to the machine.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "sim/machine/demand_index.h"
#include "sim/machine/machine.h"

namespace tier::sim {

class Job {
 public:
  Job(std::unique_ptr<Workload> workload, const MachineDescription& machine, Region offset);

  const WorkloadInfo& info() const { return workload_->info(); }
  Region offset() const { return offset_; }
  bool done() const { return done_; }
  const Interval& interval() const { return interval_; }
  std::uint64_t intervals() const { return intervals_; }
  Placement& placement() { return placement_; }
  const Placement& placement() const { return placement_; }
  const DemandIndex& index() const { return index_; }

  // Reads the next interval; its events are for the caller to carry out before resume(). Sets done at the
  // end.
  Result<void> read_next();
  // Takes the interval's demand as `placement` stands now.
  void resume(bool placement_changed);
  void moved(std::uint32_t local, int from, int to);
  void close() { done_ = true; }

  // Seconds one whole interval takes with these loaded latencies.
  double interval_seconds(const PerTier& latency) const;
  // Of the current interval: thread-seconds waited on a tier at a loaded latency of it.
  double stall(std::size_t tier, double latency) const {
    return all_.stall(tier, latency, index_.lead(tier));
  }
  // Of the current interval: loads from a tier that retire as misses, see DemandIndex::demanded().
  double demand_loads(std::size_t tier, double latency) const;
  const PerTier& misses() const { return misses_; }
  const PerTier& stores() const { return stores_; }  // of the misses
  const PerTier& traffic() const { return traffic_; }
  double compute() const { return compute_; }
  double threads() const { return threads_; }
  double stall_of(std::uint32_t local, std::size_t tier,
                  double latency) const;        // thread-seconds per interval
  double misses_of(std::uint32_t local) const;  // per interval
  double stores_of(std::uint32_t local) const;  // of them

  // Interference: the job stands still for so long (seconds of wall time).
  void delay(double seconds) { debt_ += seconds; }
  double seconds_left(double interval_seconds) const { return debt_ + left_ * interval_seconds; }
  // Runs for `seconds`; returns the share of an interval that got done.
  double run(double seconds, double interval_seconds);
  bool at_end() const { return left_ <= 0; }

 private:
  void sum_up();

  std::unique_ptr<Workload> workload_;
  Region offset_;
  std::size_t tiers_;  // that the machine has
  DemandIndex index_;
  Placement placement_;
  Interval interval_;
  std::uint64_t intervals_ = 0;
  double left_ = 1;  // of the interval
  double debt_ = 0;  // seconds
  bool done_ = false;
  double compute_ = 0, threads_ = 0;
  // Serialised accesses, all of them and those hidden while prefetchers are in time.
  struct Waits {
    PerTier all{}, hidden{};
    double stall(std::size_t tier, double latency, double lead) const {
      return all[tier] * latency - hidden[tier] * std::min(latency, lead);
    }
    void add(std::size_t tier, double serialised, double hidden_share) {
      all[tier] += serialised;
      hidden[tier] += serialised * hidden_share;
    }
  };
  PerTier misses_{}, stores_{}, traffic_{};
  Waits all_;
  std::vector<Waits> by_target_;
};

}  // namespace tier::sim
