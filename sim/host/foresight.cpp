#include "sim/host/foresight.h"

#include <algorithm>
#include <cmath>

namespace tier::sim {
namespace {

constexpr double kPaceKept = 0.95;  // of what the pace is taken from, per tick

}  // namespace

Foresight::Foresight(const Machine& machine, const std::vector<WorkloadFactory>& workloads)
    : machine_(machine) {
  for (const WorkloadFactory& open : workloads) {
    auto workload = open();
    if (!workload) return;  // what cannot be read cannot be run either: the machine tells
    const double nominal = seconds((*workload)->info().interval);
    jobs_.push_back({LookAhead(*std::move(workload), machine.offset_of(jobs_.size())), nominal, 0, 0});
  }
}

void Foresight::look(Job& job, std::size_t number) {
  const double now = seconds(machine_.now());
  const std::uint64_t done = machine_.intervals_done(number);
  job.passed = kPaceKept * job.passed + now - job.since;
  job.finished = kPaceKept * job.finished + static_cast<double>(done - job.done);
  if (job.finished > 0) job.pace = job.passed / job.finished;
  job.done = done, job.since = now;
  const double per_tick = tick_ / std::max(job.pace, 1e-6);  // intervals
  const auto intervals = [&](std::size_t h) {
    return std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(kHorizons[h] * per_tick)));
  };
  job.ahead.move(done, intervals(kHorizons.size() - 1));
  for (std::size_t h = 0; h < kHorizons.size(); ++h) {
    std::vector<Need> sum(machine_.regions());
    job.ahead.add(machine_.description(), 0, intervals(h), sum);
    const double scale = per_tick / tick_ / static_cast<double>(intervals(h));
    for (std::size_t region = 0; region < sum.size(); ++region) {
      needs_[h][region].accesses += scale * sum[region].accesses;
      needs_[h][region].hidden += scale * sum[region].hidden;
    }
  }
}

ForecastSet Foresight::forecast(const RegionSnapshot& snapshot) {
  tick_ = snapshot.seconds();
  for (auto& needs : needs_) needs.assign(machine_.regions(), Need{});
  for (std::size_t number = 0; number < jobs_.size(); ++number) look(jobs_[number], number);
  ForecastSet set{snapshot.sequence, name(), {}};
  set.forecasts.reserve(snapshot.regions.size());
  for (const tier::Region& region : snapshot.regions) {
    DemandForecast forecast{region.key, {}};
    const auto index = machine_.region_at(region.key.start);
    for (std::size_t h = 0; index && h < kHorizons.size(); ++h) {
      const auto waited = static_cast<float>(std::max(0.0, needs_[h][*index].waited()));
      forecast.horizons[h] = {waited, waited, waited};
    }
    set.forecasts.push_back(forecast);
  }
  return set;
}

std::size_t Foresight::bytes_used() const {
  return kHorizons.size() * machine_.regions() * sizeof(Need) + jobs_.capacity() * sizeof(Job);
}

}  // namespace tier::sim
