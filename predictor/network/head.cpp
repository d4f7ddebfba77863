#include "predictor/network/head.h"

#include <algorithm>

#include "predictor/network/vector_code.h"
#include "predictor/network/vector_math.h"

namespace tier {
namespace {

constexpr std::size_t kLanes = 16;  // rows worked on together
constexpr std::size_t kCount = kHorizons.size();
using Lanes = float[kLanes];

// One horizon of up to kLanes rows, turned about so that rows run fastest; rows beyond the last are zero.
struct Block {
  alignas(64) float output[kHeadPerHorizon][kLanes];  // gates, residual, low, high
  alignas(64) float baseline[kBaselines][kLanes];
};

TIER_INLINE void load(const float* from, std::size_t stride, std::size_t rows, Lanes& lanes) {
  for (std::size_t r = 0; r < kLanes; ++r) lanes[r] = r < rows ? from[r * stride] : 0;
}
TIER_INLINE void store(const Lanes& lanes, std::size_t stride, std::size_t rows, float* to) {
  for (std::size_t r = 0; r < rows; ++r) to[r * stride] = lanes[r];
}

TIER_INLINE void gather(const HeadInput& in, std::size_t row, std::size_t horizon, std::size_t rows,
                        Block& block) {
  const float* outputs = in.outputs.data() + row * kHeadOutputs + horizon * kHeadPerHorizon;
  const float* baselines = in.baselines.data() + (row * kCount + horizon) * kBaselines;
  for (std::size_t i = 0; i < kHeadPerHorizon; ++i) load(outputs + i, kHeadOutputs, rows, block.output[i]);
  for (std::size_t k = 0; k < kBaselines; ++k)
    load(baselines + k, kCount * kBaselines, rows, block.baseline[k]);
}

// What the formulas in the header are made of.
struct Parts {
  alignas(64) float gate[kBaselines][kLanes];  // after the softmax
  alignas(64) float mixture[kLanes], factor[kLanes], mean[kLanes];
  alignas(64) float share[kLanes], spread[kLanes];                 // σ(l) and exp(u)
  alignas(64) float residual_slope[kLanes], spread_slope[kLanes];  // of the two hyperbolic tangents
};

TIER_INLINE void evaluate(const Block& block, Parts& parts) {
  Lanes most, sum;
  for (std::size_t r = 0; r < kLanes; ++r) most[r] = block.output[0][r], sum[r] = 0, parts.mixture[r] = 0;
  for (std::size_t k = 1; k < kBaselines; ++k)
    for (std::size_t r = 0; r < kLanes; ++r) {
      const float gate = block.output[k][r];
      most[r] = gate > most[r] ? gate : most[r];
    }
  for (std::size_t k = 0; k < kBaselines; ++k)
    for (std::size_t r = 0; r < kLanes; ++r) {
      const float weight = vector_exp(block.output[k][r] - most[r]);
      parts.gate[k][r] = weight, sum[r] += weight, parts.mixture[r] += weight * block.baseline[k][r];
    }
  for (std::size_t r = 0; r < kLanes; ++r) sum[r] = 1 / sum[r], parts.mixture[r] *= sum[r];
  for (std::size_t k = 0; k < kBaselines; ++k)
    for (std::size_t r = 0; r < kLanes; ++r) parts.gate[k][r] *= sum[r];
  for (std::size_t r = 0; r < kLanes; ++r) {
    const float residual = vector_tanh(block.output[kBaselines][r] / kMostResidual);
    const float spread = vector_tanh(block.output[kBaselines + 2][r] / kMostSpread);
    parts.residual_slope[r] = 1 - residual * residual, parts.spread_slope[r] = 1 - spread * spread;
    parts.factor[r] = vector_exp(kMostResidual * residual),
    parts.spread[r] = vector_exp(kMostSpread * spread);
    parts.mean[r] = parts.mixture[r] * parts.factor[r];
    parts.share[r] = 1 / (1 + vector_exp(-block.output[kBaselines + 1][r]));
  }
}

TIER_INLINE void forward(const HeadInput& in, const HeadOutput& out) {
  const std::size_t all = in.outputs.size() / kHeadOutputs;
  Block block;
  Parts parts;
  Lanes low, high;
  for (std::size_t row = 0; row < all; row += kLanes)
    for (std::size_t h = 0; h < kCount; ++h) {
      const std::size_t rows = std::min(kLanes, all - row), at = row * kCount + h;
      gather(in, row, h, rows, block);
      evaluate(block, parts);
      for (std::size_t r = 0; r < kLanes; ++r) {
        low[r] = parts.mean[r] * parts.share[r];
        high[r] = parts.mean[r] + parts.spread[r] * (parts.mean[r] + in.unit);
      }
      store(low, kCount, rows, out.low.data() + at);
      store(parts.mean, kCount, rows, out.mean.data() + at);
      store(high, kCount, rows, out.high.data() + at);
    }
}

TIER_INLINE void backward(const HeadInput& in, const HeadGradient& gradient) {
  const std::size_t all = in.outputs.size() / kHeadOutputs;
  const float through = gradient.stop_at_mean ? 0.0F : 1.0F;
  Block block, d;  // of d, the outputs alone
  Parts parts;
  Lanes d_low, d_mean, d_high;
  for (std::size_t row = 0; row < all; row += kLanes)
    for (std::size_t h = 0; h < kCount; ++h) {
      const std::size_t rows = std::min(kLanes, all - row), at = row * kCount + h;
      gather(in, row, h, rows, block);
      evaluate(block, parts);
      load(gradient.d_low.data() + at, kCount, rows, d_low);
      load(gradient.d_mean.data() + at, kCount, rows, d_mean);
      load(gradient.d_high.data() + at, kCount, rows, d_high);
      for (std::size_t r = 0; r < kLanes; ++r) {
        const float mean =
            d_mean[r] + through * (d_low[r] * parts.share[r] + d_high[r] * (1 + parts.spread[r]));
        d_mean[r] = mean * parts.factor[r];
        d.output[kBaselines][r] = mean * parts.mean[r] * parts.residual_slope[r];
        d.output[kBaselines + 1][r] = d_low[r] * parts.mean[r] * parts.share[r] * (1 - parts.share[r]);
        d.output[kBaselines + 2][r] =
            d_high[r] * parts.spread[r] * (parts.mean[r] + in.unit) * parts.spread_slope[r];
      }
      for (std::size_t k = 0; k < kBaselines; ++k)
        for (std::size_t r = 0; r < kLanes; ++r)
          d.output[k][r] = d_mean[r] * parts.gate[k][r] * (block.baseline[k][r] - parts.mixture[r]);
      float* outputs = gradient.d_outputs.data() + row * kHeadOutputs + h * kHeadPerHorizon;
      for (std::size_t i = 0; i < kHeadPerHorizon; ++i) store(d.output[i], kHeadOutputs, rows, outputs + i);
    }
}

TIER_AVX2 void forward_avx2(const HeadInput& in, const HeadOutput& out) { forward(in, out); }
TIER_AVX2 void backward_avx2(const HeadInput& in, const HeadGradient& gradient) { backward(in, gradient); }
void forward_portable(const HeadInput& in, const HeadOutput& out) { forward(in, out); }
void backward_portable(const HeadInput& in, const HeadGradient& gradient) { backward(in, gradient); }

}  // namespace

void apply_head(const HeadInput& in, const HeadOutput& out) {
  best_vector_code() == VectorCode::kAvx2 ? forward_avx2(in, out) : forward_portable(in, out);
}

void apply_head_backward(const HeadInput& in, const HeadGradient& gradient) {
  best_vector_code() == VectorCode::kAvx2 ? backward_avx2(in, gradient) : backward_portable(in, gradient);
}

}  // namespace tier
