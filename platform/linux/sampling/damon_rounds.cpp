#include "platform/linux/sampling/damon_rounds.h"

#include <algorithm>

namespace tier {
namespace {

// Regions of one aggregation are traced one after another; a longer silence ends it. Shorter than the
// shortest aggregation, longer than tracing thousands of regions on a slow emulator takes between two of
// them.
constexpr Nanoseconds kSilence = std::chrono::milliseconds(2);
constexpr std::size_t kBeginningsKept = 64;
constexpr Address kPieceBytes = 2U << 20;

Nanoseconds time_of(const tier_damon_region& event) {
  return Nanoseconds(static_cast<std::int64_t>(event.time_ns));
}

}  // namespace

void DamonRounds::begin(Nanoseconds time) {
  beginnings_.push_back(time);
  if (beginnings_.size() > kBeginningsKept) beginnings_.erase(beginnings_.begin());
}

Nanoseconds DamonRounds::counting_since(Nanoseconds before, Nanoseconds end) const {
  for (const Nanoseconds time : beginnings_)
    if (time <= end) before = std::max(before, time);
  return before;
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
  const Nanoseconds since =
      counting_since(before == last_.end() ? Nanoseconds(0) : before->second, batch.begin);
  const double window = seconds(batch.begin - since) / samplings_;
  for (const tier_damon_region& region : batch.regions) {
    if (since.count() == 0) break;  // began at an unknown time
    for (Address piece = region.start / kPieceBytes * kPieceBytes; piece < region.end; piece += kPieceBytes)
      seen_[{target_index, piece}].push_back({std::min(region.accesses, samplings_), samplings_, window});
  }
  last_[target_index] = batch.begin;
  batch.regions.clear();
}

std::vector<DamonRounds::SpanRate> DamonRounds::take() {
  for (auto& [target_index, batch] : open_)
    if (!batch.regions.empty()) close(target_index, batch);
  std::vector<SpanRate> rates;
  for (const auto& [key, observations] : seen_)
    rates.push_back({key.first, {key.second, key.second + kPieceBytes}, damon_rate(observations)});
  seen_.clear();
  return rates;
}

}  // namespace tier
