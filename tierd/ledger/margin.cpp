#include "tierd/ledger/margin.h"

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

// Swaps may go on while what they lost lies within so many standard deviations of chance.
constexpr double kDoubt = 1;

}  // namespace

bool Margin::Evidence::shows_gain() const { return earned > kDoubt * std::sqrt(noise); }

void Margin::History::add(const Bounds& tick, double waited_in_tick, double share_kept) {
  for (std::size_t i = 0; i < kBounds; ++i) {
    kept[i].earned = share_kept * kept[i].earned + tick[i].earned;
    kept[i].noise = share_kept * kept[i].noise + tick[i].noise;
  }
  waited = share_kept * waited + waited_in_tick;
}

void Margin::add(double promise, double earned) {
  if (!(promise > settings_.start)) return;
  const double steps = std::log2(std::min(promise, most()) / settings_.start);
  Evidence& evidence = tick_[std::min(static_cast<std::size_t>(steps), kBounds - 1)];
  evidence.earned += earned;
  evidence.noise += earned * earned;
}

std::size_t Margin::least_bound(const History& history, double waited_share) const {
  double most = 0;
  for (const Evidence& evidence : history.kept) most = std::max(most, evidence.earned);
  const double slack = std::max(settings_.lost_share * most, waited_share * history.waited);
  std::size_t best = 0;
  const auto nearly_as_good = [&](const Evidence& evidence) {
    return evidence.earned + kDoubt * std::sqrt(evidence.noise) + slack >= most;
  };
  while (!nearly_as_good(history.kept[best])) ++best;
  return best;
}

void Margin::close_tick(double waited) {
  Bounds now{};
  for (std::size_t i = kBounds - 1; i-- > 0;)
    now[i] = {now[i + 1].earned + tick_[i].earned, now[i + 1].noise + tick_[i].noise};
  tick_ = {};
  recent_.add(now, waited, settings_.recent.kept);
  lasting_.add(now, waited, settings_.lasting.kept);
  for (std::size_t i = 0; i < kBounds; ++i)
    if (recent_.kept[i].shows_gain()) lasting_.kept[i] = recent_.kept[i];
  value_ = bound(std::max(least_bound(recent_, settings_.recent.waited_share),
                          least_bound(lasting_, settings_.lasting.waited_share)));
}

}  // namespace tier
