#include "predictor/control_group.h"

namespace tier {
namespace {

// Regions that the second forecaster sees at least, where there are so many; half of what it sees at most
// before it is shown less. Enough to tell to a tenth which share of the regions changed in a tick.
constexpr std::size_t kFew = 2048, kMany = 8192;

}  // namespace

ControlledForecaster::ControlledForecaster(std::unique_ptr<Forecaster> chosen,
                                           std::unique_ptr<Forecaster> reactive, ControlGroup group)
    : chosen_(std::move(chosen)),
      reactive_(std::move(reactive)),
      group_(reactive_ ? group : ControlGroup{}),
      shown_(kRegionBuckets) {}

void ControlledForecaster::observe(const NodeContext& node) {
  chosen_->observe(node);
  if (controlled()) reactive_->observe(node);
}

// Doubles and halves, so that regions seldom come and go by a change of the number of buckets alone.
RegionSnapshot ControlledForecaster::part_of(const RegionSnapshot& snapshot) {
  const auto count = [&] {
    return snapshot.regions.size() * static_cast<std::size_t>(shown_) / kRegionBuckets;
  };
  while (shown_ < kRegionBuckets && count() < kFew) shown_ = std::min(2 * shown_, kRegionBuckets);
  while (shown_ > group_.buckets && count() > kMany) shown_ = std::max(shown_ / 2, group_.buckets);
  RegionSnapshot part;
  part.sequence = snapshot.sequence, part.tick = snapshot.tick;
  part.time = snapshot.time, part.interval = snapshot.interval;
  part.quiet = snapshot.quiet * static_cast<std::uint64_t>(shown_) / kRegionBuckets;
  part.visibility = snapshot.visibility;
  part.regions.reserve(count() + 64);
  for (const Region& region : snapshot.regions)
    if (bucket_of(region.key) < shown_) part.regions.push_back(region);
  return part;
}

ForecastSet ControlledForecaster::forecast(const RegionSnapshot& snapshot) {
  if (!controlled()) return chosen_->forecast(snapshot);
  Forecaster& leading = back_ ? *reactive_ : *chosen_;
  Forecaster& second = back_ ? *chosen_ : *reactive_;
  ForecastSet set = leading.forecast(snapshot);
  const ForecastSet part = second.forecast(part_of(snapshot));
  std::size_t row = 0;
  for (DemandForecast& forecast : set.forecasts) {
    const int bucket = bucket_of(forecast.key);
    if (bucket >= shown_) continue;
    if (bucket < group_.buckets && row < part.forecasts.size())
      forecast = with_caution(part.forecasts[row], part.caution, set.caution);
    ++row;
  }
  set.forecaster = name();
  return set;
}

std::size_t ControlledForecaster::bytes_used() const {
  return chosen_->bytes_used() + (reactive_ ? reactive_->bytes_used() : 0);
}

}  // namespace tier
