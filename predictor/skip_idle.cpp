#include "predictor/skip_idle.h"

#include <algorithm>

namespace tier {
namespace {
bool idle(const Region& region) { return region.idle >= kIdleTicks && region.age >= kIdleTicks; }
}  // namespace

ForecastSet SkipIdle::forecast(const RegionSnapshot& snapshot) {
  skipped_ = static_cast<std::size_t>(std::count_if(snapshot.regions.begin(), snapshot.regions.end(), idle));
  if (skipped_ == 0) return forecaster_->forecast(snapshot);
  active_.sequence = snapshot.sequence, active_.tick = snapshot.tick, active_.time = snapshot.time;
  active_.interval = snapshot.interval, active_.visibility = snapshot.visibility;
  active_.quiet = snapshot.quiet + skipped_;
  active_.regions.clear();
  for (const Region& region : snapshot.regions)
    if (!idle(region)) active_.regions.push_back(region);
  ForecastSet seen = forecaster_->forecast(active_);
  ForecastSet set{seen.sequence, seen.forecaster, {}, seen.caution};
  set.forecasts.resize(snapshot.regions.size());
  std::size_t next = 0;
  for (std::size_t row = 0; row < snapshot.regions.size(); ++row) {
    if (idle(snapshot.regions[row])) {
      set.forecasts[row].key = snapshot.regions[row].key;
    } else {
      set.forecasts[row] = seen.forecasts[next++];
    }
  }
  return set;
}

std::size_t SkipIdle::bytes_used() const {
  return forecaster_->bytes_used() + active_.regions.capacity() * sizeof(Region);
}

}  // namespace tier
