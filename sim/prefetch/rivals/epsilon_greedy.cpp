// A bandit for each scope by its own progress, after dPF's third algorithm (Uppsala University with Intel;
// github.com/uart/hardwarePrefetching, "MAB"): it rewards every scope for its own instructions, whoever pays
// for their bandwidth. What of it is wrong in the public code (the reward of one thread for all) is right
// here.
//
// Marks as in sim/policies/settings.h.
#include <algorithm>
#include <cmath>
#include <random>

#include "sim/prefetch/rivals/rivals.h"
#include "sim/workloads/draw.h"

namespace tier::sim {
namespace {

constexpr double kEpsilon = 0.1;    // share of the intervals in which a setting is tried by chance [A]
constexpr double kDiscount = 0.99;  // of what is remembered, per interval [C]
// Where the reward scatters by more than that there is nothing to learn, and the default is held [C]. There
// of instructions per cycle; here relative to their mean, since progress has any unit [A].
constexpr double kGate = 0.3;
constexpr double kGateMemory = 0.9;  // per interval, of the mean and the scatter [A]

class Bandit {
 public:
  explicit Bandit(std::size_t settings) : sums_(settings, 0.0), counts_(settings, 0.0) {}

  void reward(double value) {
    for (std::size_t k = 0; k < sums_.size(); ++k) sums_[k] *= kDiscount, counts_[k] *= kDiscount;
    sums_[played_] += value, counts_[played_] += 1;
    if (mean_ <= 0) mean_ = value;
    const double off = value - mean_;
    mean_ += (1 - kGateMemory) * off;
    variance_ = kGateMemory * (variance_ + (1 - kGateMemory) * off * off);
  }
  std::size_t play(std::mt19937_64& random) {
    if (std::sqrt(variance_) > kGate * mean_ && mean_ > 0) return played_ = 0;
    if (draw_uniform(random) < kEpsilon)
      return played_ = draw_below(random, static_cast<std::uint32_t>(sums_.size()));
    std::size_t best = 0;
    for (std::size_t k = 0; k < sums_.size(); ++k) {
      if (counts_[k] < 1e-3) return played_ = k;  // each is tried once, and again when it is forgotten
      if (sums_[k] * counts_[best] > sums_[best] * counts_[k]) best = k;
    }
    return played_ = best;
  }

 private:
  std::vector<double> sums_, counts_;
  std::size_t played_ = 0;
  double mean_ = 0, variance_ = 0;
};

class EpsilonGreedy final : public PrefetchPolicy {
 public:
  EpsilonGreedy(std::size_t scopes, std::size_t settings, std::uint64_t seed)
      : bandits_(scopes, Bandit(settings)), random_(seed) {}

  std::vector<std::size_t> decide(const PrefetchFeedback& feedback) override {
    std::vector<std::size_t> settings;
    for (std::size_t i = 0; i < bandits_.size(); ++i) {
      const ScopeFeedback& scope = feedback.scopes[i];
      if (scope.progress) bandits_[i].reward(*scope.progress);
      settings.push_back(scope.weight > 0 ? bandits_[i].play(random_) : 0);
    }
    return settings;
  }

 private:
  std::vector<Bandit> bandits_;
  std::mt19937_64 random_;
};

}  // namespace

std::unique_ptr<PrefetchPolicy> make_epsilon_greedy(std::size_t scopes, std::size_t settings,
                                                    std::uint64_t seed) {
  return std::make_unique<EpsilonGreedy>(scopes, settings, seed);
}

}  // namespace tier::sim
