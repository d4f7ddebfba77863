#include "sim/prefetch/model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "sim/prefetch/bracketed_root.h"

namespace tier::sim {
namespace {

constexpr double kLine = 64;  // bytes
constexpr double kTolerance = 1e-7;
constexpr std::size_t kTiers = 2;

Prefetcher prefetchers_of(const PrefetchWorkload& of, std::size_t setting) {
  if (setting == 2) return {};
  if (setting == 1) return of.l1;
  return {1 - (1 - of.l1.coverage) * (1 - of.l2.coverage), of.l1.waste + of.l2.waste,
          of.l1.pollution + of.l2.pollution};
}

// One scope under one setting, all per instruction.
struct Pace {
  double compute = 0;                      // seconds
  std::array<double, kTiers> uncovered{};  // misses over those in flight together
  std::array<double, kTiers> covered{};    // the same of those that prefetchers fetch
  std::array<double, kTiers> lead_time{};  // seconds that prefetching hides of a covered one's latency
  std::array<double, kTiers> bytes{};
  double activity = 0;

  double wait(std::size_t tier, double latency) const {
    return uncovered[tier] * latency + covered[tier] * std::max(0.0, latency - lead_time[tier]);
  }
};

Pace pace_of(const PrefetchWorkload& of, const std::array<PrefetchTier, kTiers>& tiers, std::size_t setting,
             double intensity) {
  const Prefetcher prefetcher = prefetchers_of(of, setting);
  Pace pace;
  pace.compute = 1 / of.rate;
  pace.activity = of.activity;
  for (std::size_t t = 0; t < kTiers; ++t) {
    const double share = t == 0 ? 1 - of.slow_share : of.slow_share;
    const double asked = of.misses * intensity * share;
    const double misses = asked * (1 + prefetcher.pollution);
    pace.uncovered[t] = misses * (1 - prefetcher.coverage) / of.parallel;
    pace.covered[t] = misses * prefetcher.coverage / of.parallel;
    pace.lead_time[t] = of.lead * tiers[t].latency;
    pace.bytes[t] = kLine * (misses * (1 + of.writes) + asked * prefetcher.waste);
  }
  return pace;
}

// The use of both tiers at which the scopes' paces give just the traffic that gives those paces.
class Loads {
 public:
  Loads(const std::array<PrefetchTier, kTiers>& tiers, const std::vector<Pace>& paces)
      : tiers_(tiers), paces_(paces), others_(paces.size()) {
    for (std::size_t t = 0; t < kTiers; ++t) latency[t] = tiers[t].latency;
    // Each tier's use falls as the other's rises, for both slow the same programs, and less than in
    // proportion: the rounds close in on one point.
    for (int round = 0; round < 100; ++round) {
      double change = 0;
      for (std::size_t t = 0; t < kTiers; ++t) {
        const double before = use[t];
        settle(t);
        change = std::max(change, std::abs(use[t] - before));
      }
      if (change < 10 * kTolerance) break;
    }
  }
  std::array<double, kTiers> use{}, latency{};

 private:
  void settle(std::size_t tier) {
    for (std::size_t i = 0; i < paces_.size(); ++i)
      others_[i] = paces_[i].compute + paces_[i].wait(1 - tier, latency[1 - tier]);
    const auto excess = [&](double trial) {
      const double at = loaded_latency(tiers_[tier], trial);
      double traffic = 0;
      for (std::size_t i = 0; i < paces_.size(); ++i)
        traffic += paces_[i].activity * paces_[i].bytes[tier] / (others_[i] + paces_[i].wait(tier, at));
      return traffic / tiers_[tier].bandwidth - trial;
    };
    use[tier] = bracketed_root(excess, 0, kMostUse, kTolerance);
    latency[tier] = loaded_latency(tiers_[tier], use[tier]);
  }
  const std::array<PrefetchTier, kTiers>& tiers_;
  const std::vector<Pace>& paces_;
  std::vector<double> others_;  // seconds per instruction, without the waits for the tier that is solved
};

}  // namespace

double loaded_latency(const PrefetchTier& tier, double use) {
  use = std::clamp(use, 0.0, kMostUse);
  return tier.latency * (1 + tier.queueing * use / (1 - use));
}

HardwareModel::HardwareModel(std::array<PrefetchTier, 2> tiers, std::vector<PrefetchWorkload> workloads,
                             std::vector<std::size_t> kinds)
    : tiers_(tiers), workloads_(std::move(workloads)), kinds_(std::move(kinds)) {}

PrefetchState HardwareModel::solve(std::span<const std::size_t> settings, double intensity) const {
  std::vector<Pace> paces;
  paces.reserve(workloads_.size());
  for (std::size_t i = 0; i < workloads_.size(); ++i)
    paces.push_back(pace_of(workloads_[i], tiers_, settings[i], intensity));
  const Loads loads(tiers_, paces);
  PrefetchState state;
  state.fast_use = loads.use[0];
  state.slow_use = loads.use[1];
  state.scopes.reserve(paces.size());
  for (std::size_t i = 0; i < paces.size(); ++i) {
    const double fast = paces[i].wait(0, loads.latency[0]), slow = paces[i].wait(1, loads.latency[1]);
    PrefetchScopeState scope;
    if (paces[i].activity > 0) {
      scope.pattern = workloads_[i].pattern;
      if (fast + slow > 0) scope.slow_share = slow / (fast + slow);
      scope.progress = paces[i].activity / (paces[i].compute + fast + slow);
      scope.weight = paces[i].activity / static_cast<double>(paces.size());
    }
    state.progress += scope.progress;
    state.scopes.push_back(scope);
  }
  return state;
}

}  // namespace tier::sim
