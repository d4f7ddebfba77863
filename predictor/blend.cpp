#include "predictor/blend.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "predictor/dot.h"

namespace tier {
namespace {

constexpr double kKept = 0.97;          // per tick: 33 ticks
constexpr double kShrink = 0.02;        // of the mean square of a forecast
constexpr double kMostTogether = 1.25;  // sum of the weights: more would be a guess that demand grows
constexpr int kSweeps = 30;             // of coordinate descent; it starts where it ended the last time

}  // namespace

Blend::Blend(std::size_t experts)
    : experts_(experts), products_(experts * experts), targets_(experts), weights_(experts) {}

void Blend::add(const Outcomes& outcomes, std::uint64_t ticks) {
  forget(std::pow(kKept, static_cast<double>(ticks)));
  // Counts scatter with their mean, so hot regions would drown all others: each row counts by the inverse of
  // what was forecast, with the mean of all as the least.
  row_weight_.assign(outcomes.size(), 0);
  double mean = 0, valid = 0;
  for (std::size_t e = 0; e < experts_; ++e) {
    if (!outcomes.valid[e]) continue;
    ++valid;
    for (std::size_t i = 0; i < outcomes.size(); ++i) row_weight_[i] += outcomes.of(e)[i];
  }
  if (valid == 0) return;
  for (float& sum : row_weight_) sum /= static_cast<float>(valid), mean += sum;
  mean /= static_cast<double>(std::max<std::size_t>(outcomes.size(), 1));
  if (mean <= 0) return;
  for (float& weight : row_weight_) weight = 1 / (weight + static_cast<float>(mean));
  for (std::size_t a = 0; a < experts_; ++a) {
    if (!outcomes.valid[a]) continue;
    weighed_.resize(outcomes.size());
    for (std::size_t i = 0; i < weighed_.size(); ++i) weighed_[i] = row_weight_[i] * outcomes.of(a)[i];
    for (std::size_t b = 0; b <= a; ++b)
      if (outcomes.valid[b]) product(a, b) += dot(weighed_, outcomes.of(b)) / mean;
    targets_[a] += dot(weighed_, outcomes.came) / mean;
  }
  rows_ += static_cast<double>(outcomes.size());
}

void Blend::solve(std::size_t leader, const std::vector<std::uint8_t>& barred) {
  double trace = 0;
  for (std::size_t e = 0; e < experts_; ++e) trace += product(e, e);
  const double shrink = kShrink * trace / static_cast<double>(experts_);
  for (std::size_t a = 0; a < experts_; ++a)
    for (std::size_t b = a + 1; b < experts_; ++b) product(a, b) = product(b, a);
  for (int sweep = 0; sweep < kSweeps; ++sweep) {
    for (std::size_t e = 0; e < experts_; ++e) {
      const double square = product(e, e) + shrink;
      if (barred[e] != 0 || !(product(e, e) > 0)) {
        weights_[e] = 0;
        continue;
      }
      double rest = targets_[e] + (e == leader ? shrink : 0);
      for (std::size_t other = 0; other < experts_; ++other)
        if (other != e) rest -= product(e, other) * weights_[other];
      weights_[e] = std::max(0.0, rest / square);
    }
  }
  const double sum = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  if (sum > kMostTogether)
    for (double& weight : weights_) weight *= kMostTogether / sum;
}

void Blend::forget(double kept) {
  for (double& value : products_) value *= kept;
  for (double& value : targets_) value *= kept;
  rows_ *= kept;
}

}  // namespace tier
