// Two thresholds of bandwidth use, after Limoncello (Jain et al., ASPLOS 2024): all hardware prefetchers of
// the node go off when memory is nearly full, and on again when it is not. Its other half, software
// prefetching in hot library functions, needs programs compiled for it and is not here.
//
// Marks as in sim/policies/settings.h. The paper's exact thresholds and times were not at hand.
#include <algorithm>

#include "sim/prefetch/rivals/rivals.h"

namespace tier::sim {
namespace {

constexpr double kUpper = 0.8, kLower = 0.6;  // of the bandwidth that is sustained [R]
constexpr int kSustained = 5;                 // intervals of 1 s beyond a threshold before it counts [A]

class TwoThreshold final : public PrefetchPolicy {
 public:
  TwoThreshold(std::size_t scopes, std::size_t settings) : scopes_(scopes), off_setting_(settings - 1) {}

  std::vector<std::size_t> decide(const PrefetchFeedback& feedback) override {
    const auto &fast = feedback.node.fast_use, &slow = feedback.node.slow_use;
    // It knows one bandwidth: the busiest tier's. Without a reading nothing changes.
    if (fast || slow) watch(std::max(fast.value_or(0), slow.value_or(0)));
    return std::vector<std::size_t>(scopes_, off_ ? off_setting_ : 0);
  }

 private:
  void watch(double use) {
    beyond_ = (off_ ? use < kLower : use > kUpper) ? beyond_ + 1 : 0;
    if (beyond_ >= kSustained) off_ = !off_, beyond_ = 0;
  }
  std::size_t scopes_, off_setting_;
  bool off_ = false;
  int beyond_ = 0;
};

}  // namespace

std::unique_ptr<PrefetchPolicy> make_two_threshold(std::size_t scopes, std::size_t settings, std::uint64_t) {
  return std::make_unique<TwoThreshold>(scopes, settings);
}

}  // namespace tier::sim
