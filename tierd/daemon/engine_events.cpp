// Between ticks: regions whose demand jumps are promoted at once.
#include <algorithm>
#include <unordered_map>

#include "tierd/daemon/engine.h"

namespace tier {
namespace {

// Most regions looked at between two looks, the first to cross: each may cost a page query.
constexpr std::size_t kMostUrgent = 64;
// The jump must be more than the forecast already knows.
constexpr double kJump = 2;

// What a small plan is made from: the regions in question, and those that could make room for them.
struct UrgentView {
  RegionSnapshot snapshot;
  ForecastSet forecasts;

  void add(const Region& region, const DemandForecast& forecast) {
    snapshot.regions.push_back(region);
    forecasts.forecasts.push_back(forecast);
  }
  void sort();
};

void UrgentView::sort() {
  std::vector<std::size_t> order(snapshot.regions.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return snapshot.regions[a].key < snapshot.regions[b].key; });
  std::vector<Region> regions;
  std::vector<DemandForecast> rows;
  for (const std::size_t i : order) {
    regions.push_back(snapshot.regions[i]);
    rows.push_back(forecasts.forecasts[i]);
  }
  snapshot.regions = std::move(regions), forecasts.forecasts = std::move(rows);
}

const DemandForecast* find_forecast(const ForecastSet& set, const RegionKey& key) {
  const auto it = std::lower_bound(set.forecasts.begin(), set.forecasts.end(), key,
                                   [](const DemandForecast& f, const RegionKey& k) { return f.key < k; });
  return it != set.forecasts.end() && it->key == key ? &*it : nullptr;
}

// The regions of all tiers but the slowest that are not on their way. What the rest waited stays in the
// account of each process: the policy reckons from it how many threads wait for a page that is away.
void add_insiders(UrgentView& view, const RegionSnapshot& snapshot, const ForecastSet& forecasts,
                  const TierTopology& topology, const std::set<RegionKey>& planned) {
  const NodeRanks ranks(topology);
  const int slowest = static_cast<int>(topology.tiers.size()) - 1;
  std::unordered_map<TargetId, double> waited;
  for (std::size_t i = 0; i < snapshot.regions.size() && i < forecasts.forecasts.size(); ++i) {
    const Region& region = snapshot.regions[i];
    const int rank = ranks.of(region.node);
    if (rank >= 0 && rank < slowest && !planned.contains(region.key)) {
      view.add(region, forecasts.forecasts[i]);
    } else {
      waited[region.key.target] += region.waited.value;
    }
  }
  for (Region& region : view.snapshot.regions) {
    const auto it = waited.find(region.key.target);
    if (it != waited.end()) region.waited.value += std::exchange(it->second, 0);
  }
}

}  // namespace

void Engine::feel(const SampleBatch& batch) {
  for (const AccessSample& sample : batch.samples)
    if (const auto key = tracker_.key_of(sample.target, sample.address)) event_path_.add(*key, sample);
}

void Engine::between_ticks() {
  if (!settings_.event_path || state_.ticks == 0 || !topology_.tiered()) return;
  collect();
  if (!sight_.may_move()) return;  // what crossed waits
  auto crossed = event_path_.take_crossed();
  if (crossed.empty()) return;
  crossed.resize(std::min(crossed.size(), kMostUrgent));
  take_reports();
  plan_urgent(crossed);
}

// Its place as the page locator says now, where nobody has asked before.
std::optional<Region> Engine::region_now(const RegionKey& key) {
  auto region = tracker_.region(key);
  const auto reach = tracker_.reach(key);
  if (!region || !reach) return std::nullopt;
  if (region->node.value >= 0) return region;
  locate_one(*reach);
  return tracker_.region(key);
}

void Engine::plan_urgent(const std::vector<RegionKey>& crossed) {
  const NodeRanks ranks(topology_);
  const Nanoseconds now = parts_.clock.now();
  UrgentView view;
  view.snapshot.sequence = view.forecasts.sequence = state_.snapshot.sequence;
  view.forecasts.caution = state_.forecasts.caution;
  view.snapshot.tick = state_.snapshot.tick, view.snapshot.interval = state_.snapshot.interval;
  add_insiders(view, state_.snapshot, state_.forecasts, topology_, planned_);
  std::vector<RegionKey> winners;
  for (const RegionKey& key : crossed) {
    const auto region = region_now(key);
    const NodeState* node = region ? state_.system.find(region->node) : nullptr;
    if (node == nullptr || ranks.of(region->node) <= 0 || planned_.contains(key)) continue;
    const auto rate = event_path_.rate(key, now, node->loaded_latency);
    const DemandForecast* expected = find_forecast(state_.forecasts, key);
    if (!rate || (expected != nullptr && rate->low < kJump * expected->horizons.front().mean)) continue;
    std::erase_if(view.forecasts.forecasts, [&](const DemandForecast& f) { return f.key == key; });
    std::erase_if(view.snapshot.regions, [&](const Region& r) { return r.key == key; });
    DemandForecast forecast{key, {}};
    forecast.horizons.fill(*rate);
    view.add(*region, with_caution(forecast, 1, view.forecasts.caution));
    winners.push_back(key);
  }
  if (winners.empty()) return;
  std::sort(winners.begin(), winners.end());
  view.sort();
  SystemState system = state_.system;
  if (const auto nodes = parts_.topology.nodes()) {
    for (const NumaNode& node : *nodes)
      for (NodeState& known : system.nodes)
        if (known.node == node.id) known.free = node.free;
  }
  moving_ = parts_.migrator.under_way();
  const PolicyInput usual = policy_input();
  const PolicyInput input{view.snapshot,      view.forecasts,   usual.topology, system,
                          policy_targets_,    usual.allocation, usual.prices,   usual.margin,
                          usual.least_margin, next_request_,    usual.settings, usual.new_memory,
                          usual.moving,       planned_bytes_};
  MigrationPlan plan = make_urgent_plan(input, winners);
  state_.urgent += plan.requests.size();
  submit(std::move(plan));
}

}  // namespace tier
