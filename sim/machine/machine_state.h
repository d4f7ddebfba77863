// What a machine holds. Private to the machine; machine.cpp runs time, machine_views.cpp answers questions.
#pragma once

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
  Region regions = 0, allocated = 0;
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

  Job& job_of(Region region);
  const Job& job_of(Region region) const { return const_cast<State*>(this)->job_of(region); }
  std::size_t job_index_of(Region region) const;
  int tier_of(Region region) const {
    const Job& job = job_of(region);
    return job.placement()[region - job.offset()];
  }
  bool has_room(int tier) const {
    const auto t = static_cast<std::size_t>(tier);
    return used[t] < capacity[t];
  }
};

}  // namespace tier::sim
