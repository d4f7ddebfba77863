// What the chosen forecast is worth, for `tierctl report forecast`.
#include "tierd/daemon/views.h"

namespace tier {
namespace {

ForecastGroupView group_view(const Engine& engine, bool control) {
  const Comparison& comparison = engine.ledger().comparison();
  const GroupSums sums = comparison.sums(control);
  ForecastGroupView view;
  view.forecaster = control == comparison.trial() ? engine.settings().forecaster : kReactiveForecaster;
  const std::uint64_t all = engine.state().snapshot.regions.size();
  if (comparison.ticks() > 0)
    view.regions = control ? comparison.control_regions() : all - std::min(all, comparison.control_regions());
  view.waited_seconds = sums.waited;
  view.slowest_seconds = sums.slowest;
  if (sums.slowest > 0) view.waited_share = sums.waited / sums.slowest;
  return view;
}

ForecastGainView gain_view(const std::optional<Estimate>& estimate) {
  ForecastGainView view;
  view.verdict = to_string(evidence_of(estimate));
  if (!estimate) return view;
  const double half = estimate->half(kNormal95);
  view.ticks = estimate->ticks;
  view.saved_share = estimate->share;
  view.saved_share_low = estimate->share - half;
  view.saved_share_high = estimate->share + half;
  view.saved_seconds = estimate->saved();
  view.saved_seconds_low = (estimate->share - half) * estimate->slowest;
  view.saved_seconds_high = (estimate->share + half) * estimate->slowest;
  return view;
}

// Stages differ in whom they compare, so only their seconds add up.
ForecastGainView life_view(const std::optional<Comparison::Life>& life) {
  ForecastGainView view;
  view.verdict = to_string(Evidence::kTooLittle);
  if (!life) return view;
  const double half = kNormal95 * life->error;
  view.ticks = life->ticks;
  view.saved_seconds = life->saved;
  view.saved_seconds_low = life->saved - half;
  view.saved_seconds_high = life->saved + half;
  if (life->saved - half > 0) view.verdict = to_string(Evidence::kSaves);
  if (life->saved + half < 0) view.verdict = to_string(Evidence::kLoses);
  return view;
}

}  // namespace

ForecastView forecast_view(const Engine& engine) {
  const Comparison& comparison = engine.ledger().comparison();
  ForecastView view;
  view.forecaster = engine.settings().forecaster;
  view.reactive = kReactiveForecaster;
  view.compared = comparison.on();
  view.standing_back = engine.forecaster().standing_back();
  view.interval_seconds = seconds(engine.tick_length());
  const auto leaders = engine.forecaster().leaders();
  for (std::size_t i = 0; i < leaders.size() && i < kHorizons.size(); ++i)
    view.leaders.push_back({kHorizons[i], leaders[i]});
  view.life = life_view(comparison.life());
  view.recent = view.stage = gain_view(std::nullopt);
  if (!view.compared) return view;
  view.control_share = comparison.group().share();
  view.ticks = comparison.ticks();
  view.control = group_view(engine, true);
  view.rest = group_view(engine, false);
  view.recent = gain_view(comparison.recent());
  view.stage = gain_view(comparison.stage());
  return view;
}

}  // namespace tier
