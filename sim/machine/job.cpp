#include "sim/machine/job.h"

#include <algorithm>

namespace tier::sim {

Job::Job(std::unique_ptr<Workload> workload, const MachineDescription& machine, Region offset)
    : workload_(std::move(workload)),
      offset_(offset),
      tiers_(std::min(machine.tiers.size(), kMostTiers)),
      index_(workload_->info(), machine),
      placement_(workload_->info().regions, static_cast<std::int8_t>(kNowhere)),
      by_target_(workload_->info().targets.size()) {
  for (const auto& target : workload_->info().targets) threads_ += target.threads;
}

Result<void> Job::read_next() {
  auto next = TIER_TRY(workload_->next());
  if (!next) {
    done_ = true;
    return {};
  }
  interval_ = std::move(*next);
  left_ = 1;
  return {};
}

void Job::resume(bool placement_changed) {
  if (placement_changed || index_.demand() != interval_.demand) index_.set(interval_.demand, placement_);
  sum_up();
}

void Job::moved(std::uint32_t local, int from, int to) {
  placement_[local] = static_cast<std::int8_t>(to);
  index_.moved(local, from, to);
  sum_up();
}

void Job::sum_up() {
  misses_ = stores_ = traffic_ = {};
  all_ = {};
  for (auto& target : by_target_) target = {};
  for (std::size_t s = 0; s < index_.streams(); ++s) {
    const StreamSums& sums = index_.sums(s);
    Waits& target = by_target_[info().streams[s].target];
    for (std::size_t t = 0; t < tiers_; ++t) {
      const double serialised = sums.waits[t] / index_.parallelism(s);
      all_.add(t, serialised, index_.hidden(s));
      target.add(t, serialised, index_.hidden(s));
      misses_[t] += sums.misses[t];
      stores_[t] += sums.stores[t];
      traffic_[t] += sums.traffic[t];
    }
  }
  compute_ = 0;
  for (const double of_target : interval_.compute) compute_ += of_target;
}

double Job::interval_seconds(const PerTier& latency) const {
  double slowest = 0;
  for (std::size_t k = 0; k < by_target_.size(); ++k) {
    double busy = interval_.compute[k];
    for (std::size_t t = 0; t < tiers_; ++t) busy += by_target_[k].stall(t, latency[t], index_.lead(t));
    slowest = std::max(slowest, busy / info().targets[k].threads);
  }
  // Nothing to do: the time passes all the same.
  return slowest > 0 ? slowest : std::max(seconds(interval_.duration), 1e-3);
}

double Job::demand_loads(std::size_t tier, double latency) const {
  double sum = 0;
  for (std::size_t s = 0; s < index_.streams(); ++s) {
    const StreamSums& sums = index_.sums(s);
    sum += (sums.misses[tier] - sums.stores[tier]) * index_.demanded(s, tier, latency);
  }
  return std::max(0.0, sum);
}

double Job::stall_of(std::uint32_t local, std::size_t tier, double latency) const {
  double sum = 0;
  for (std::size_t s = 0; s < index_.streams(); ++s)
    if (const RegionDemand* entry = index_.find(s, local))
      sum += index_.waits(*entry) * index_.wait(s, tier, latency);
  return sum;
}

double Job::misses_of(std::uint32_t local) const {
  double sum = 0;
  for (std::size_t s = 0; s < index_.streams(); ++s)
    if (const RegionDemand* entry = index_.find(s, local)) sum += entry->loads + entry->stores;
  return sum;
}

double Job::stores_of(std::uint32_t local) const {
  double sum = 0;
  for (std::size_t s = 0; s < index_.streams(); ++s)
    if (const RegionDemand* entry = index_.find(s, local)) sum += entry->stores;
  return sum;
}

double Job::run(double seconds, double interval_seconds) {
  const double standing = std::min(debt_, seconds);
  debt_ -= standing;
  const double share = std::min(left_, (seconds - standing) / interval_seconds);
  left_ -= share;
  // What is left after rounding is no work.
  if (left_ * interval_seconds < 1e-9) left_ = 0;
  if (left_ == 0) ++intervals_;
  return share;
}

}  // namespace tier::sim
