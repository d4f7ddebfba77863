// A weighted sum of the experts, its weights learnt from what came (stacked regression; Wolpert 1992, Breiman
// 1996): least squares with weights of at least nothing, discounted in time and shrunk towards the leader.
#pragma once

#include <cstdint>
#include <vector>

#include "predictor/outcomes.h"

namespace tier {

class Blend {
 public:
  explicit Blend(std::size_t experts);

  // Learns from what came due: candidates 0 to experts - 1 of `outcomes`; `ticks` since the last.
  void add(const Outcomes& outcomes, std::uint64_t ticks);
  // New weights. Experts that are barred (nonzero) get none; `leader` is what they are shrunk to.
  void solve(std::size_t leader, const std::vector<std::uint8_t>& barred);
  void forget(double kept);  // what was learnt counts for so much of what it did, 0..1

  bool ready() const { return rows_ > kLeastRows; }
  std::span<const double> weights() const { return weights_; }

 private:
  static constexpr double kLeastRows = 100;  // region-ticks seen, discounted
  double& product(std::size_t a, std::size_t b) { return products_[a * experts_ + b]; }

  std::size_t experts_;
  double rows_ = 0;
  std::vector<double> products_, targets_, weights_;  // Σ w f_a f_b, Σ w f_a y
  std::vector<float> row_weight_, weighed_;
};

}  // namespace tier
