#include "tierd/ledger/margin.h"

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

// Swaps may go on while what they lost lies within so many standard deviations of chance.
constexpr double kDoubt = 1;

}  // namespace

void Margin::add(double promise, double earned) {
  if (!(promise > settings_.start)) return;
  const double steps = std::log2(std::min(promise, most()) / settings_.start);
  Evidence& evidence = above_[std::min(static_cast<std::size_t>(steps), kBounds - 1)];
  evidence.earned += earned;
  evidence.noise += earned * earned;
}

void Margin::close_tick(double waited) {
  waited_ += waited;
  std::array<Evidence, kBounds> kept{};  // by bound: all that promised more
  for (std::size_t i = kBounds - 1; i-- > 0;) {
    kept[i] = {kept[i + 1].earned + above_[i].earned, kept[i + 1].noise + above_[i].noise};
  }
  double most = 0;
  for (const Evidence& evidence : kept) most = std::max(most, evidence.earned);
  const double slack = std::max(settings_.lost_share * most, settings_.waited_share * waited_);
  std::size_t best = 0;
  while (kept[best].earned + kDoubt * std::sqrt(kept[best].noise) + slack < most) ++best;
  value_ = bound(best);
  for (Evidence& evidence : above_) evidence.earned *= settings_.kept, evidence.noise *= settings_.kept;
  waited_ *= settings_.kept;
}

}  // namespace tier
