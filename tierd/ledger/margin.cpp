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

void Margin::close_tick() {
  double earned = 0, noise = 0, most_earned = 0;
  std::size_t best = kBounds - 1;
  for (std::size_t i = kBounds - 1; i-- > 0;) {
    earned += above_[i].earned, noise += above_[i].noise;
    const double perhaps = earned + kDoubt * std::sqrt(noise);
    if (perhaps >= most_earned) most_earned = perhaps, best = i;
  }
  value_ = bound(best);
  for (Evidence& evidence : above_) evidence.earned *= settings_.kept, evidence.noise *= settings_.kept;
}

}  // namespace tier
