#include "sim/machine/loaded_latency.h"

#include <algorithm>
#include <cmath>

namespace tier::sim {
namespace {

double traffic_of(const MachineDescription& machine, std::span<const std::unique_ptr<Job>> jobs,
                  const PerTier& extra, const PerTier& latency, std::size_t tier) {
  double traffic = machine.tiers[tier].background + extra[tier];
  for (const auto& job : jobs) {
    if (job->done() || job->traffic()[tier] <= 0) continue;
    traffic += job->traffic()[tier] / job->interval_seconds(latency);
  }
  return traffic;
}

// The latency of one tier while the others stand: the root of what it would be minus what it is, which falls
// as the latency rises. Bisection between the unloaded latency and a value that is too high.
double solve_tier(const MachineDescription& machine, std::span<const std::unique_ptr<Job>> jobs,
                  const PerTier& extra, PerTier latency, std::size_t tier) {
  const TierDescription& of = machine.tiers[tier];
  const double unloaded = seconds(of.latency);
  const auto excess = [&](double trial) {
    latency[tier] = trial;
    const double traffic = traffic_of(machine, jobs, extra, latency, tier);
    return unloaded * load_factor(of, traffic / of.bandwidth) - trial;
  };
  const double guess = latency[tier];
  const double off = excess(guess);
  if (std::abs(off) <= 1e-3 * guess) return guess;
  double low = off > 0 ? guess : unloaded, high = off > 0 ? std::max(guess, unloaded) * 1.1 : guess;
  while (excess(high) > 0) low = high, high *= 1.6;
  while (high - low > 1e-3 * low) {
    const double middle = 0.5 * (low + high);
    (excess(middle) > 0 ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace

double load_factor(const TierDescription& tier, double utilisation) {
  const auto& curve = tier.load_curve;
  if (curve.empty()) return utilisation <= 1 ? 1 : 1 + 20 * (utilisation - 1);
  if (utilisation <= curve.front().utilisation) return curve.front().factor;
  for (std::size_t i = 1; i < curve.size(); ++i) {
    if (utilisation > curve[i].utilisation) continue;
    const auto &a = curve[i - 1], &b = curve[i];
    const double share = (utilisation - a.utilisation) / (b.utilisation - a.utilisation);
    return a.factor + share * (b.factor - a.factor);
  }
  return curve.back().factor * (1 + 20 * (utilisation - curve.back().utilisation));
}

void solve_load(const MachineDescription& machine, std::span<const std::unique_ptr<Job>> jobs,
                const PerTier& extra, LoadState& state) {
  const std::size_t tiers = machine.tiers.size();
  for (std::size_t t = 0; t < tiers; ++t)
    if (state.latency[t] <= 0) state.latency[t] = seconds(machine.tiers[t].latency);
  // Tiers hang together through the programs' pace only, so a few rounds settle them.
  for (int round = 0; round < 8; ++round) {
    double change = 0;
    for (std::size_t t = 0; t < tiers; ++t) {
      const double before = state.latency[t];
      state.latency[t] = solve_tier(machine, jobs, extra, state.latency, t);
      change = std::max(change, std::abs(state.latency[t] / before - 1));
    }
    if (change < 2e-3) break;
  }
  for (std::size_t t = 0; t < tiers; ++t)
    state.traffic[t] = traffic_of(machine, jobs, extra, state.latency, t);
}

}  // namespace tier::sim
