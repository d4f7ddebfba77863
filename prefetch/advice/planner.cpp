#include "prefetch/advice/planner.h"

#include <algorithm>
#include <cmath>

#include "core/span_horizon.h"

namespace tier {
namespace {

constexpr std::size_t kAhead = 2;                // of kSpans: the next second and the next four
constexpr std::uint64_t kForgottenAfter = 1024;  // ticks without being seen
// A mean so many times what is needed is believed without its quantile.
constexpr double kPlenty = 4;

// Expected share of the pages that `accesses`, spread evenly over them by chance, reach.
double touched(double accesses, double pages) { return 1 - std::exp(-accesses / pages); }

struct Expected {
  double mean = 0, surely = 0;  // accesses within the span that promises most
};

// `tick` in seconds.
Expected expected(const DemandForecast& forecast, double caution, double tick) {
  Expected out;
  for (std::size_t i = 0; i < kAhead; ++i) {
    const DemandQuantiles& q = forecast.horizons[horizon_within(kSpans[i], tick)];
    const double mean = q.mean, surely = mean - caution * (mean - static_cast<double>(q.low));
    out.mean = std::max(out.mean, mean * kSpans[i]);
    out.surely = std::max(out.surely, surely * kSpans[i]);
  }
  return out;
}

}  // namespace

Bytes AdvicePlanner::missing(const Region& region, std::uint64_t tick) {
  const Bytes size = region.range.size();
  const Bytes resident = std::min(region.resident, size);
  if (region.backing == Backing::kFile) return size - resident;
  auto held = held_.find(region.key);
  if (held == held_.end()) {
    if (held_.size() >= settings_.remembered) return {};
    held = held_.emplace(region.key, Held{}).first;
  }
  held->second.tick = tick;
  held->second.most = std::min(std::max(held->second.most, resident), size);
  return held->second.most - resident;
}

void AdvicePlanner::forget_old(std::uint64_t tick) {
  if (held_.size() < settings_.remembered) return;
  std::erase_if(held_, [&](const auto& entry) { return tick - entry.second.tick > kForgottenAfter; });
}

std::vector<AdviceWish> AdvicePlanner::plan(const RegionSnapshot& snapshot, const ForecastSet& forecasts,
                                            const std::set<RegionKey>& taken, Bytes budget) {
  std::vector<AdviceWish> wishes;
  if (forecasts.sequence != snapshot.sequence || forecasts.forecasts.size() != snapshot.regions.size())
    return wishes;
  forget_old(snapshot.tick.value);
  const double least_accesses = -std::log(1 - settings_.least_touched);  // per page, see touched()
  for (std::size_t i = 0; i < snapshot.regions.size(); ++i) {
    const Region& region = snapshot.regions[i];
    if (region.pinned == Pinned::kMlocked || taken.contains(region.key)) continue;
    const Expected demand = expected(forecasts.forecasts[i], forecasts.caution, snapshot.seconds());
    const double pages = static_cast<double>(region.range.size().value) / static_cast<double>(page_.value);
    if (!(std::max(demand.surely, demand.mean / kPlenty) >= least_accesses * pages)) continue;
    const Bytes absent = missing(region, snapshot.tick.value);
    if (absent < page_) continue;
    const double faults =
        static_cast<double>(absent.value) / static_cast<double>(page_.value) * touched(demand.mean, pages);
    wishes.push_back({region.key, region.range, absent, {faults * seconds(settings_.fault)}});
  }
  std::stable_sort(wishes.begin(), wishes.end(),
                   [](const AdviceWish& a, const AdviceWish& b) { return a.benefit > b.benefit; });
  std::uint64_t left = budget.value;
  std::size_t count = 0;
  while (count < wishes.size() && left > 0) left -= std::min(left, wishes[count++].missing.value);
  wishes.resize(count);
  return wishes;
}

}  // namespace tier
