#include "prefetch/tuner/trial.h"

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

constexpr double kHopeless = 0.288, kHopelessDeviations = 10;  // 0.288: the logarithm of 4/3

}  // namespace

Trial::Trial(TrialRules rules, Level before, double noise) : rules_(rules), before_(before), noise_(noise) {}

double Trial::noise_of(unsigned before, unsigned during) const {
  return noise_ * std::sqrt(1.0 / std::max(before, 1U) + 1.0 / std::max(during, 1U));
}

double Trial::gain() const {
  Level first = before_;
  first.sum += after_.sum, first.count += after_.count;
  return during_.mean() - first.mean();
}

double Trial::variance() const {
  const double noise = noise_of(before_.count + after_.count, during_.count);
  return noise * noise;
}

bool Trial::hopeless(double log_progress) const {
  return state_ == TrialState::kDuring &&
         log_progress < before_.mean() - std::max(kHopeless, kHopelessDeviations * noise_);
}

void Trial::give_up(double log_progress) {
  during_.add(log_progress);
  state_ = TrialState::kAfter;
}

TrialState Trial::judge_during() const {
  const double difference = during_.mean() - before_.mean();
  const double noise = noise_of(before_.count, during_.count);
  // One interval alone may be anything: it must stand out further.
  const double doubt = during_.count == 1 ? 1.5 : 1;
  if (difference >= rules_.up && difference >= doubt * rules_.sure_up * noise) return TrialState::kWon;
  if (difference <= -rules_.down && difference <= -doubt * rules_.sure_down * noise)
    return TrialState::kAfter;
  return during_.count >= rules_.longest ? TrialState::kAfter : TrialState::kDuring;
}

TrialState Trial::see(double log_progress) {
  if (state_ == TrialState::kDuring) {
    during_.add(log_progress);
    state_ = judge_during();
  } else if (state_ == TrialState::kAfter) {
    after_.add(log_progress);
    if (after_.count < rules_.after) return state_;
    const double shift = std::abs(after_.mean() - before_.mean());
    const bool moved = shift > 4 * noise_of(before_.count, after_.count) && shift > rules_.up;
    state_ = moved ? TrialState::kVoid : TrialState::kDone;
  }
  return state_;
}

}  // namespace tier
