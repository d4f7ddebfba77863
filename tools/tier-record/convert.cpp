#include "tools/tier-record/convert.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "tools/tier-record/mapped_regions.h"

namespace tier::record {
namespace {

constexpr std::size_t kStreamsPerTarget = 2;  // random, sequential

Nanoseconds nanoseconds(double s) { return Nanoseconds(std::llround(s * 1e9)); }

// The parallelism that the distances between misses allow, if the dependences do.
double window_parallelism(const Process& process) {
  double loads = 0, windows = 0;
  for (const Period& period : process.periods) {
    loads += static_cast<double>(period.window_loads);
    windows += static_cast<double>(period.windows);
  }
  return windows > 0 ? loads / windows : 1;
}

// How many threads ran at the same time, in effect: all instructions over those of the busiest thread.
double threads_of(const Process& process) {
  double all = 0, longest = 0;
  for (const Period& period : process.periods) {
    all += static_cast<double>(period.instructions);
    longest += static_cast<double>(period.longest);
  }
  return longest > 0 ? std::max(1.0, all / longest) : 1;
}

sim::WorkloadInfo info_of(const std::vector<Process>& processes, const std::string& name,
                          const Reference& reference, std::uint32_t regions) {
  sim::WorkloadInfo info;
  info.name = name;
  info.region_size = Bytes{std::uint64_t{1} << lab::kRegionShift};
  info.interval =
      nanoseconds(static_cast<double>(processes.front().interval) / reference.instructions_per_second);
  info.regions = regions;
  for (std::uint32_t target = 0; target < processes.size(); ++target) {
    const Process& process = processes[target];
    info.targets.push_back({target == 0 ? name : name + "/" + std::to_string(target), threads_of(process)});
    info.streams.push_back(
        {"random", target, std::max(1.0, std::min(reference.parallelism, window_parallelism(process))), 0});
    info.streams.push_back({"sequential", target, kSequentialParallelism, kPrefetchable});
  }
  return info;
}

// One process on its way through the intervals.
class Replay {
 public:
  Replay(const Process& process, std::uint32_t target, const RegionIndex& indexes)
      : process_(process), target_(target), indexes_(indexes) {}

  // Adds the process's part of an interval: events, demand of its two streams, compute.
  void add_to(std::size_t interval, double instructions_per_second, sim::Interval& into,
              sim::Demand& demand) {
    const std::size_t at = interval - process_.born;
    if (interval < process_.born || at >= process_.periods.size()) return;
    const Period& period = process_.periods[at];
    into.compute[target_] = static_cast<double>(period.instructions) / instructions_per_second;
    release(into.events);
    allocate(period, into.events);
    for (const RegionCounts& region : period.regions) add_demand(region, demand);
    for (const std::uint64_t region : mapped_.apply(period.mappings))
      if (alive_.erase(region) != 0) emptied_.push_back(region);
  }

 private:
  void release(std::vector<sim::RegionEvent>& events) {
    indexes_.append_events(sim::RegionChange::kRelease, target_, emptied_, events);
    emptied_.clear();
  }

  void allocate(const Period& period, std::vector<sim::RegionEvent>& events) {
    std::vector<std::uint64_t> fresh;
    for (const RegionCounts& region : period.regions)
      if (alive_.insert(region.region).second) fresh.push_back(region.region);
    std::sort(fresh.begin(), fresh.end());
    indexes_.append_events(sim::RegionChange::kAllocate, target_, fresh, events);
  }

  void add_demand(const RegionCounts& region, sim::Demand& demand) {
    const std::uint32_t index = indexes_.of(target_, region.region);
    const lab::KindMisses& misses = region.misses;
    const auto add = [&](std::size_t stream, std::uint32_t loads, std::uint32_t stores) {
      if (loads + stores > 0)
        demand.streams[target_ * kStreamsPerTarget + stream].push_back(
            {index, static_cast<float>(loads), static_cast<float>(stores), 0});
    };
    add(0, misses.random_loads, misses.random_stores);
    add(1, misses.sequential_loads, misses.sequential_stores);
  }

  const Process& process_;
  const std::uint32_t target_;
  const RegionIndex& indexes_;
  MappedRegions mapped_;
  std::set<std::uint64_t> alive_;
  std::vector<std::uint64_t> emptied_;  // in the last period; released with the next
};

// The slowest target ends an interval.
Nanoseconds duration_of(const sim::Interval& interval, const sim::WorkloadInfo& info,
                        const Reference& reference) {
  std::vector<double> busy = interval.compute;
  for (std::size_t i = 0; i < info.streams.size(); ++i)
    busy[info.streams[i].target] += reference_stall(reference, interval.demand->streams[i], info.streams[i]);
  double longest = 0;
  for (std::size_t target = 0; target < busy.size(); ++target)
    longest = std::max(longest, busy[target] / info.targets[target].threads);
  return std::max(Nanoseconds(1), nanoseconds(longest));
}

void sort_streams(sim::Demand& demand) {
  for (auto& stream : demand.streams)
    std::sort(stream.begin(), stream.end(),
              [](const sim::RegionDemand& a, const sim::RegionDemand& b) { return a.region < b.region; });
}

}  // namespace

void RegionIndex::number() {
  std::uint32_t next = 0;
  for (auto& [key, index] : indexes_) index = next++;
}

void RegionIndex::append_events(sim::RegionChange change, std::uint32_t target,
                                const std::vector<std::uint64_t>& regions,
                                std::vector<sim::RegionEvent>& events) const {
  std::uint64_t previous = 0;
  bool open = false;
  for (const std::uint64_t region : regions) {
    if (open && region == previous + 1)
      ++events.back().count;
    else
      events.push_back(
          {change, target, of(target, region), 1, region << lab::kRegionShift, PageKind::kUnknown});
    previous = region;
    open = true;
  }
}

double reference_stall(const Reference& reference, const std::vector<sim::RegionDemand>& demand,
                       const sim::Stream& stream) {
  double misses = 0;
  for (const sim::RegionDemand& region : demand)
    misses += static_cast<double>(region.loads) + reference.store_wait * static_cast<double>(region.stores);
  return misses * (1 - stream.prefetchable) * seconds(reference.latency) / stream.parallelism;
}

Trace trace_of(const std::vector<Process>& processes, const std::string& name, const Reference& reference) {
  RegionIndex indexes;
  std::size_t intervals = 0;
  for (std::uint32_t target = 0; target < processes.size(); ++target) {
    intervals = std::max(intervals, processes[target].born + processes[target].periods.size());
    for (const Period& period : processes[target].periods)
      for (const RegionCounts& region : period.regions) indexes.add(target, region.region);
  }
  indexes.number();
  Trace trace;
  trace.header.workload = info_of(processes, name, reference, indexes.size());
  trace.header.exact = true;
  std::vector<Replay> replays;
  for (std::uint32_t target = 0; target < processes.size(); ++target)
    replays.emplace_back(processes[target], target, indexes);
  for (std::size_t i = 0; i < intervals; ++i) {
    sim::Interval interval;
    interval.compute.assign(processes.size(), 0);
    auto demand = std::make_shared<sim::Demand>();
    demand->streams.resize(trace.header.workload.streams.size());
    for (Replay& replay : replays) replay.add_to(i, reference.instructions_per_second, interval, *demand);
    sort_streams(*demand);
    interval.demand = std::move(demand);
    interval.duration = duration_of(interval, trace.header.workload, reference);
    trace.intervals.push_back(std::move(interval));
  }
  return trace;
}

Result<void> write_trace(const Trace& trace, const std::filesystem::path& path) {
  auto writer = TIER_TRY(sim::create_trace(path, trace.header));
  for (const sim::Interval& interval : trace.intervals) TIER_TRY(writer->append(interval));
  return writer->finish();
}

Summary summary_of(const Trace& trace) {
  const sim::WorkloadInfo& info = trace.header.workload;
  Summary summary{trace.intervals.size(), info.regions, info.targets.size()};
  for (const sim::Interval& interval : trace.intervals) {
    summary.duration_s += seconds(interval.duration);
    for (const double compute : interval.compute) summary.compute_s += compute;
    for (std::size_t stream = 0; stream < info.streams.size(); ++stream)
      for (const sim::RegionDemand& region : interval.demand->streams[stream]) {
        const double misses = static_cast<double>(region.loads) + static_cast<double>(region.stores);
        summary.misses += misses;
        summary.stores += static_cast<double>(region.stores);
        if (info.streams[stream].prefetchable > 0) summary.sequential += misses;
      }
  }
  return summary;
}

}  // namespace tier::record
