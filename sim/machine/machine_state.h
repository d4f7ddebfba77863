// What a machine holds. Private to the machine; machine.cpp runs time, machine_views.cpp answers questions.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "sim/machine/job.h"
#include "sim/machine/loaded_latency.h"
#include "sim/machine/move_queue.h"

namespace tier::sim {

struct Machine::State {
  State(MachineDescription given, Placer& chosen, std::uint64_t seed)
      : description(std::move(given)), placer(chosen), random(seed) {}

  MachineDescription description;
  Placer& placer;
  Random random;
  std::vector<std::unique_ptr<Job>> jobs;
  std::vector<MachineTarget> targets;
  std::vector<std::size_t> first_target;  // by job
  std::vector<Observer*> observers;
  Bytes region_size;
  Region regions = 0;
  std::vector<std::uint8_t> kind;       // PageKind, by region
  std::vector<std::uint16_t> owner;     // global target, by region
  std::vector<std::uint64_t> capacity;  // regions, by tier
  std::vector<std::uint64_t> used;      // regions, by tier
  MoveQueue queue;
  bool readable_moves = false;
  // Bytes per second that moves read or write now: the queue's, and move_now()'s.
  PerTier queue_traffic{}, now_traffic{};
  LoadState load;
  std::vector<double> interval_seconds;  // by job, with the present latencies
  bool load_stale = true;
  Nanoseconds now{};
  MachineTotals totals;
  std::optional<Error> error;

  std::size_t job_index_of(Region region) const { return jobs.size() == 1 ? 0 : search_job(region); }
  std::size_t search_job(Region region) const;
  Job& job_of(Region region) { return *jobs[job_index_of(region)]; }
  const Job& job_of(Region region) const { return *jobs[job_index_of(region)]; }
  int tier_of(Region region) const {
    const Job& job = job_of(region);
    return job.placement()[region - job.offset()];
  }
  // Loads or stores that miss, per second.
  double rate_of_job(std::size_t j, bool stores) const {
    if (jobs[j]->done() || interval_seconds[j] <= 0) return 0;
    double sum = 0;
    for (std::size_t t = 0; t < description.tiers.size(); ++t)
      sum += stores ? jobs[j]->stores()[t] : jobs[j]->misses()[t] - jobs[j]->stores()[t];
    return std::max(0.0, sum / interval_seconds[j]);
  }
  // Of what an interval has on the tier, all jobs together, per second.
  template <typename Of>
  double rate_of_tier(int tier, Of of) const {
    double sum = 0;
    for (std::size_t j = 0; j < jobs.size(); ++j)
      if (!jobs[j]->done() && interval_seconds[j] > 0)
        sum += of(*jobs[j])[static_cast<std::size_t>(tier)] / interval_seconds[j];
    return sum;
  }
  DrawnAccess drawn(std::size_t j, const DemandedAccess& access, bool store) const {
    const Job& job = *jobs[j];
    return {job.offset() + access.region, static_cast<std::uint32_t>(first_target[j]) + access.target,
            access.stream, job.placement()[access.region], store};
  }
  bool has_room(int tier) const {
    const auto t = static_cast<std::size_t>(tier);
    return used[t] < capacity[t];
  }
};

}  // namespace tier::sim
