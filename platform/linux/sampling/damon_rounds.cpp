#include "platform/linux/sampling/damon_rounds.h"

#include <algorithm>

namespace tier {
namespace {

// Regions of one aggregation are traced one after another; a longer silence ends it. Shorter than the
// shortest aggregation, longer than tracing thousands of regions on a slow emulator takes between two of
// them.
constexpr Nanoseconds kSilence = std::chrono::milliseconds(2);
constexpr std::size_t kBoundariesKept = 64;

Nanoseconds time_of(const tier_damon_region& event) {
  return Nanoseconds(static_cast<std::int64_t>(event.time_ns));
}

}  // namespace

void DamonRounds::boundary(Nanoseconds time) {
  boundaries_.push_back(time);
  if (boundaries_.size() > kBoundariesKept) boundaries_.erase(boundaries_.begin());
}

bool DamonRounds::crosses_boundary(Nanoseconds begin, Nanoseconds end) const {
  return std::any_of(boundaries_.begin(), boundaries_.end(),
                     [&](Nanoseconds time) { return time >= begin && time <= end; });
}

void DamonRounds::add(const tier_damon_region& event) {
  Batch& batch = open_[event.target_index];
  const Nanoseconds now = time_of(event);
  if (!batch.regions.empty() && now - batch.end > kSilence) close(event.target_index, batch);
  if (batch.regions.empty()) batch.begin = now;
  batch.end = now;
  batch.regions.push_back(event);
}

// The window of a sampling is measured, not believed: an overloaded kdamond samples later than it was told.
void DamonRounds::close(std::uint32_t target_index, Batch& batch) {
  const auto before = last_.find(target_index);
  const bool known = before != last_.end() && !crosses_boundary(before->second, batch.begin);
  if (known) {
    const double window = seconds(batch.begin - before->second) / samplings_;
    for (const tier_damon_region& region : batch.regions) {
      auto& [end, observations] = seen_[{target_index, region.start}];
      end = std::max<Address>(end, region.end);
      observations.push_back({std::min(region.accesses, samplings_), samplings_, window});
    }
  }
  last_[target_index] = batch.begin;
  batch.regions.clear();
}

std::vector<DamonRounds::SpanRate> DamonRounds::take() {
  std::vector<SpanRate> rates;
  for (const auto& [key, value] : seen_)
    rates.push_back({key.first, {key.second, value.first}, damon_rate(value.second)});
  seen_.clear();
  return rates;
}

}  // namespace tier
