// From what the network's last layer says to forecasts of demand.
//
// Per horizon: mean = Σ softmax(gates)_k · baseline_k · exp(residual), the residual held to ±kMostResidual by
// a hyperbolic tangent; low = mean · σ(l), high = mean · (1 + exp(u)) + exp(u) · unit, u held to ±kMostSpread
// likewise. With residual 0 the mean is a mixture of the baselines: the network cannot be far worse than the
// best of them. An output that is no number makes forecasts that are none.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "predictor/network/shape.h"
#include "predictor/network/vector_code.h"

namespace tier {

inline constexpr float kMostResidual = 2;  // of the log of the factor: 7.4 times up or down
inline constexpr float kMostSpread = 6;    // of u

// Baseline k of horizon h for a row: column[h * kBaselines + k][row * stride]; accesses per tick, not
// negative.
struct BaselineColumns {
  std::array<const float*, kBaselineFloats> column{};
  std::size_t stride = 1;

  // Out of rows x kHorizons x kBaselines, the last index running fastest.
  static BaselineColumns of_rows(std::span<const float> rows) {
    BaselineColumns all;
    for (std::size_t i = 0; i < kBaselineFloats; ++i) all.column[i] = rows.data() + i;
    all.stride = kBaselineFloats;
    return all;
  }
};

// For `rows` regions; the last index runs fastest.
struct HeadInput {
  std::span<const float> outputs;  // rows x kHeadOutputs
  BaselineColumns baselines;
  float unit = 0;  // accesses per sample, or any other level below which nothing is told
};
struct HeadOutput {
  std::span<float> low, mean, high;  // rows x kHorizons; accesses per tick. low and high empty: not wanted
};
void apply_head(const HeadInput& in, const HeadOutput& out, VectorCode code = best_vector_code());

// Gradients of a loss: to the forecasts in, to the network's outputs out.
struct HeadGradient {
  std::span<const float> d_low, d_mean, d_high;  // rows x kHorizons
  // The losses of low and high move their own outputs alone, not the mean, which has a loss of its own.
  bool stop_at_mean = true;
  std::span<float> d_outputs;  // rows x kHeadOutputs
};
void apply_head_backward(const HeadInput& in, const HeadGradient& gradient,
                         VectorCode code = best_vector_code());

}  // namespace tier
