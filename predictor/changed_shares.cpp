#include "predictor/changed_shares.h"

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

// Chance that a region changes its behaviour in a quiet tick, and that a tick begins a new phase. Programs
// have phases of tens of seconds up to hours.
constexpr double kChange = 0.005;
constexpr double kNewPhase = 0.01;
// Shares of the regions that may have changed: in a quiet tick, then in one that begins a new phase.
constexpr std::array kShares = {kChange, 0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95};
// Regions whose likelihoods are multiplied before a logarithm is taken: each is at least kChange, and the
// product of so many is still far from the least number.
constexpr std::size_t kTogether = 64;

}  // namespace

ChangedShares::ChangedShares() {
  static_assert(kShares.size() == kSteps);
  for (Group& group : groups_) group.product.fill(1);
}

std::array<double, ChangedShares::kSteps> ChangedShares::likelihoods(double fresh) {
  std::array<double, kSteps> either;
  for (std::size_t k = 0; k < kSteps; ++k) either[k] = kShares[k] * fresh + (1 - kShares[k]) * (1 - fresh);
  return either;
}

void ChangedShares::add(std::size_t index, double fresh) {
  Group& group = groups_[index];
  const auto either = likelihoods(fresh);
  for (std::size_t k = 0; k < kSteps; ++k) group.product[k] *= either[k];
  if (++group.pending == kTogether) flush(group);
}

void ChangedShares::add_alike(std::size_t index, double fresh, double regions) {
  const auto either = likelihoods(fresh);
  for (std::size_t k = 0; k < kSteps; ++k) groups_[index].log_fit[k] += regions * std::log(either[k]);
}

void ChangedShares::flush(Group& group) {
  for (std::size_t k = 0; k < kSteps; ++k) group.log_fit[k] += std::log(group.product[k]);
  group.product.fill(1);
  group.pending = 0;
}

ChangedShares::Shares ChangedShares::estimate() {
  Shares shares{};
  for (std::size_t g = 0; g < kGroups; ++g) {
    flush(groups_[g]);
    const auto& fit = groups_[g].log_fit;
    const double best = *std::max_element(fit.begin(), fit.end());
    double total = 0;
    for (std::size_t k = 0; k < kSteps; ++k) {
      const double prior = k == 0 ? 1 - kNewPhase : kNewPhase / static_cast<double>(kSteps - 1);
      const double weight = prior * std::exp(fit[k] - best);
      shares[g] += weight * kShares[k];
      total += weight;
    }
    shares[g] /= total;
  }
  return shares;
}

}  // namespace tier
