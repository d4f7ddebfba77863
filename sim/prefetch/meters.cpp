#include "sim/prefetch/meters.h"

#include <algorithm>
#include <cmath>

#include "sim/workloads/draw.h"

namespace tier::sim {
namespace {

// Standard deviations of the logarithm [A]: a node's counts average over many cores, a core's do not.
constexpr double kNodeNoise = 0.01, kScopeNoise = 0.03, kUseNoise = 0.02;
constexpr double kSlowShareNoise = 0.03;  // of the share, from some hundred samples
constexpr double kMissing = 0.01;         // of the readings
constexpr double kWrongPattern = 0.05;    // half of these unknown, half another
// Bursts of page moves: one in 200 intervals begins one of 3 to 10, in which all is 3 to 8 % slower [A].
constexpr double kBurst = 1.0 / 200;
// Another tuner's trials: one in 300 intervals begins 10 in which nothing may be tried [A].
constexpr double kElsewhere = 1.0 / 300;
constexpr int kElsewhereLength = 10;
constexpr std::uint64_t kStream = 0x9e3779b97f4a7c15ULL;  // apart from what draws the scenario

}  // namespace

PrefetchMeters::PrefetchMeters(std::uint64_t seed, std::size_t scopes)
    : random_(seed ^ kStream), scopes_(scopes) {}

// Lognormal, without bias of the median (Box and Muller). Draws the same count for every value.
double PrefetchMeters::noisy(double value, double deviation) {
  const double radius = std::sqrt(draw_exponential(random_, 2));
  return value * std::exp(deviation * radius * std::cos(2 * M_PI * draw_uniform(random_)));
}

bool PrefetchMeters::missing() { return draw_uniform(random_) < kMissing; }

ScopeFeedback PrefetchMeters::read(const PrefetchScopeState& state) {
  constexpr AccessPattern kKnown[] = {AccessPattern::kSequential, AccessPattern::kStrided,
                                      AccessPattern::kRandom};
  const double factor = noisy(1, kScopeNoise), shift = std::log(noisy(1, kSlowShareNoise));
  const bool no_progress = missing(), no_share = missing();
  const double wrong = draw_uniform(random_);
  const AccessPattern other = kKnown[draw_below(random_, 3)];
  ScopeFeedback feedback;
  if (state.weight <= 0) return feedback;
  feedback.weight = state.weight;
  feedback.pattern = state.pattern;
  if (wrong < kWrongPattern) feedback.pattern = wrong < kWrongPattern / 2 ? AccessPattern::kUnknown : other;
  if (!no_progress) feedback.progress = state.progress * slowed_ * factor;
  if (state.slow_share && !no_share) feedback.slow_share = std::clamp(*state.slow_share + shift, 0.0, 1.0);
  return feedback;
}

PrefetchFeedback PrefetchMeters::read(const PrefetchState& state) {
  const double begins = draw_uniform(random_), length = draw_uniform(random_), depth = draw_uniform(random_);
  if (burst_left_ > 0) --burst_left_;
  if (burst_left_ == 0 && begins < kBurst) {
    burst_left_ = 3 + static_cast<int>(8 * length);
    slowed_ = 0.97 - 0.05 * depth;
  }
  if (burst_left_ == 0) slowed_ = 1;
  if (elsewhere_left_ > 0) --elsewhere_left_;
  if (draw_uniform(random_) < kElsewhere) elsewhere_left_ = kElsewhereLength;
  PrefetchFeedback feedback;
  NodeFeedback& node = feedback.node;
  node.time = std::chrono::seconds(++interval_);
  node.migrating = burst_left_ > 0;
  node.may_explore = elsewhere_left_ == 0;
  const double progress = noisy(state.progress * slowed_, kNodeNoise);
  if (!missing()) node.progress = progress;
  const double fast = noisy(1, kUseNoise), slow = noisy(1, kUseNoise);
  const bool no_use = missing();
  if (state.fast_use && !no_use) node.fast_use = std::min(1.0, *state.fast_use * fast);
  if (state.slow_use && !no_use) node.slow_use = std::min(1.0, *state.slow_use * slow);
  for (std::size_t i = 0; i < scopes_; ++i) feedback.scopes.push_back(read(state.scopes[i]));
  return feedback;
}

}  // namespace tier::sim
