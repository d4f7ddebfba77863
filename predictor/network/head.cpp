#include "predictor/network/head.h"

#include <algorithm>
#include <cstring>

#include "predictor/network/vector_code.h"
#include "predictor/network/vector_math.h"

namespace tier {
namespace {

constexpr std::size_t kCount = kHorizons.size();

// One horizon of as many rows as a vector has lanes; lanes beyond the last row are zero.
template <typename V>
struct Block {
  V output[kHeadPerHorizon];  // gates, residual, low, high
  V baseline[kBaselines];
};

template <typename V>
TIER_INLINE void load(const float* from, std::size_t stride, std::size_t rows, V& lanes) {
  if (stride == 1 && rows == sizeof(V) / sizeof(float)) {
    std::memcpy(&lanes, from, sizeof lanes);
    return;
  }
  lanes = V{};
  for (std::size_t r = 0; r < rows; ++r) lanes[r] = from[r * stride];
}
template <typename V>
TIER_INLINE void store(const V& lanes, std::size_t stride, std::size_t rows, float* to) {
  for (std::size_t r = 0; r < rows; ++r) to[r * stride] = lanes[r];
}

template <typename V>
TIER_INLINE void gather(const HeadInput& in, std::size_t row, std::size_t horizon, std::size_t rows,
                        Block<V>& block) {
  const float* outputs = in.outputs.data() + row * kHeadOutputs + horizon * kHeadPerHorizon;
  for (std::size_t i = 0; i < kHeadPerHorizon; ++i) load(outputs + i, kHeadOutputs, rows, block.output[i]);
  for (std::size_t k = 0; k < kBaselines; ++k)
    load(in.baselines.column[horizon * kBaselines + k] + row * in.baselines.stride, in.baselines.stride, rows,
         block.baseline[k]);
}

// What the formulas in the header are made of.
template <typename V>
struct Parts {
  V gate[kBaselines];              // after the softmax
  V mixture, factor, mean;         // mean = mixture · factor
  V share, spread;                 // σ(l) and exp(u)
  V residual_slope, spread_slope;  // of the two hyperbolic tangents
};

template <typename V>
TIER_INLINE void evaluate_mean(const Block<V>& block, Parts<V>& parts) {
  V most = block.output[0], sum{};
  for (std::size_t k = 1; k < kBaselines; ++k) most = block.output[k] > most ? block.output[k] : most;
  parts.mixture = V{};
  for (std::size_t k = 0; k < kBaselines; ++k) {
    vector_exp(V(block.output[k] - most), parts.gate[k]);
    sum += parts.gate[k], parts.mixture += parts.gate[k] * block.baseline[k];
  }
  for (std::size_t k = 0; k < kBaselines; ++k) parts.gate[k] /= sum;
  parts.mixture /= sum;
  V residual;
  vector_tanh(V(block.output[kBaselines] / kMostResidual), residual);
  parts.residual_slope = 1.0F - residual * residual;
  vector_exp(V(kMostResidual * residual), parts.factor);
  parts.mean = parts.mixture * parts.factor;
}

template <typename V>
TIER_INLINE void evaluate_quantiles(const Block<V>& block, Parts<V>& parts) {
  V spread, odds;
  vector_tanh(V(block.output[kBaselines + 2] / kMostSpread), spread);
  parts.spread_slope = 1.0F - spread * spread;
  vector_exp(V(kMostSpread * spread), parts.spread);
  vector_exp(V(-block.output[kBaselines + 1]), odds);
  parts.share = 1.0F / (1.0F + odds);
}

template <VectorCode kCode>
TIER_INLINE void forward(const HeadInput& in, const HeadOutput& out) {
  using V = Vector<kCode>;
  const std::size_t all = in.outputs.size() / kHeadOutputs;
  Block<V> block;
  Parts<V> parts;
  for (std::size_t row = 0; row < all; row += kLanes<kCode>)
    for (std::size_t h = 0; h < kCount; ++h) {
      const std::size_t rows = std::min(kLanes<kCode>, all - row), at = row * kCount + h;
      gather(in, row, h, rows, block);
      evaluate_mean(block, parts);
      store(parts.mean, kCount, rows, out.mean.data() + at);
      if (out.low.empty()) continue;
      evaluate_quantiles(block, parts);
      const V low = parts.mean * parts.share, high = parts.mean + parts.spread * (parts.mean + in.unit);
      store(low, kCount, rows, out.low.data() + at);
      store(high, kCount, rows, out.high.data() + at);
    }
}

template <VectorCode kCode>
TIER_INLINE void backward(const HeadInput& in, const HeadGradient& gradient) {
  using V = Vector<kCode>;
  const std::size_t all = in.outputs.size() / kHeadOutputs;
  const float through = gradient.stop_at_mean ? 0.0F : 1.0F;
  Block<V> block;
  Parts<V> parts;
  V d_low, d_mean, d_high;
  for (std::size_t row = 0; row < all; row += kLanes<kCode>)
    for (std::size_t h = 0; h < kCount; ++h) {
      const std::size_t rows = std::min(kLanes<kCode>, all - row), at = row * kCount + h;
      gather(in, row, h, rows, block);
      evaluate_mean(block, parts), evaluate_quantiles(block, parts);
      load(gradient.d_low.data() + at, kCount, rows, d_low);
      load(gradient.d_mean.data() + at, kCount, rows, d_mean);
      load(gradient.d_high.data() + at, kCount, rows, d_high);
      const V mean = d_mean + through * (d_low * parts.share + d_high * (1.0F + parts.spread));
      V d_output[kHeadPerHorizon];
      for (std::size_t k = 0; k < kBaselines; ++k)
        d_output[k] = mean * parts.factor * parts.gate[k] * (block.baseline[k] - parts.mixture);
      d_output[kBaselines] = mean * parts.mean * parts.residual_slope;
      d_output[kBaselines + 1] = d_low * parts.mean * parts.share * (1.0F - parts.share);
      d_output[kBaselines + 2] = d_high * parts.spread * (parts.mean + in.unit) * parts.spread_slope;
      float* outputs = gradient.d_outputs.data() + row * kHeadOutputs + h * kHeadPerHorizon;
      for (std::size_t i = 0; i < kHeadPerHorizon; ++i) store(d_output[i], kHeadOutputs, rows, outputs + i);
    }
}

TIER_AVX2 void forward_avx2(const HeadInput& in, const HeadOutput& out) {
  forward<VectorCode::kAvx2>(in, out);
}
TIER_AVX2 void backward_avx2(const HeadInput& in, const HeadGradient& gradient) {
  backward<VectorCode::kAvx2>(in, gradient);
}

}  // namespace

void apply_head(const HeadInput& in, const HeadOutput& out, VectorCode code) {
  code == VectorCode::kAvx2 ? forward_avx2(in, out) : forward<VectorCode::kPortable>(in, out);
}

void apply_head_backward(const HeadInput& in, const HeadGradient& gradient, VectorCode code) {
  code == VectorCode::kAvx2 ? backward_avx2(in, gradient) : backward<VectorCode::kPortable>(in, gradient);
}

}  // namespace tier
