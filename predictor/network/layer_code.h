// A layer of the network for eight regions at once, in vector code: each weight is read once for
// several regions.
#pragma once

#include <span>
#include <vector>

#include "predictor/network/aligned.h"
#include "predictor/network/shape.h"
#include "predictor/network/vector_code.h"

namespace tier {

inline constexpr std::size_t kGroup = 8;  // regions worked on together
inline constexpr std::size_t kEight = 8;  // channels are multiples of it

// Weights in the order in which they are read: by sixteen output channels (the last may be eight), tap,
// input.
struct PackedLayer {
  std::size_t taps = 1, inputs = 0, outputs = 0;  // outputs: padded to eights with zeros
  AlignedFloats weight, bias;
};
// All layers of a network: stem, two of each block, head.
std::vector<PackedLayer> pack_layers(const NetworkShape& shape, std::span<const float> weights);

// What one layer reads and writes: group x channels of each tap, channels run fastest.
struct LayerRun {
  const float* taps[kTaps];         // oldest first
  const float* residual = nullptr;  // added; group x outputs
  float* out = nullptr;             // group x outputs
  bool relu = true;
};

// The sums of a tile before any weight: bias and what is added.
template <VectorCode kCode, std::size_t R, std::size_t B>
TIER_INLINE void start_tile(Vector<kCode> (&sum)[R][B], const PackedLayer& layer, const LayerRun& run,
                            std::size_t first, std::size_t channel) {
  constexpr std::size_t kWidth = kLanes<kCode>;
  for (std::size_t r = 0; r < R; ++r)
    for (std::size_t b = 0; b < B; ++b)
      sum[r][b] = vector_at<kCode>(layer.bias.data() + channel + b * kWidth);
  if (run.residual == nullptr) return;
  for (std::size_t r = 0; r < R; ++r)
    for (std::size_t b = 0; b < B; ++b)
      sum[r][b] += vector_at<kCode>(run.residual + (first + r) * layer.outputs + channel + b * kWidth);
}

// R regions from `first` on, B vectors of output channels from `channel` on.
template <VectorCode kCode, std::size_t R, std::size_t B>
TIER_INLINE void run_tile(const PackedLayer& layer, std::size_t inputs, std::size_t taps, const LayerRun& run,
                          std::size_t first, std::size_t channel) {
  constexpr std::size_t kWidth = kLanes<kCode>;
  const std::size_t outputs = layer.outputs;
  Vector<kCode> sum[R][B];
  start_tile<kCode, R, B>(sum, layer, run, first, channel);
  const float* weight = layer.weight.data() + channel * taps * inputs;
  for (std::size_t tap = 0; tap < taps; ++tap) {
    const float* x = run.taps[tap] + first * inputs;
    for (std::size_t i = 0; i < inputs; ++i, weight += B * kWidth)
      for (std::size_t r = 0; r < R; ++r)
        for (std::size_t b = 0; b < B; ++b)
          sum[r][b] += vector_at<kCode>(weight + b * kWidth) * x[r * inputs + i];
  }
  const Vector<kCode> zero{};
  for (std::size_t r = 0; r < R; ++r)
    for (std::size_t b = 0; b < B; ++b) {
      if (run.relu) sum[r][b] = sum[r][b] > zero ? sum[r][b] : zero;
      vector_at<kCode>(run.out + (first + r) * outputs + channel + b * kWidth) = sum[r][b];
    }
}

// `inputs` and `taps` are the layer's; given apart, so that a caller who knows them makes them constants.
// Tiles are such that their sums stay in registers, of which there are sixteen.
template <VectorCode kCode>
TIER_INLINE void run_layer(const PackedLayer& layer, std::size_t inputs, std::size_t taps,
                           const LayerRun& run) {
  constexpr std::size_t kVectors = kEight / kLanes<kCode>;  // of eight channels
  constexpr std::size_t kWide = 4 / kVectors, kNarrow = 8 / kVectors;
  std::size_t channel = 0;
  for (; channel + 2 * kEight <= layer.outputs; channel += 2 * kEight)
    for (std::size_t first = 0; first < kGroup; first += kWide)
      run_tile<kCode, kWide, 2 * kVectors>(layer, inputs, taps, run, first, channel);
  if (channel == layer.outputs) return;
  for (std::size_t first = 0; first < kGroup; first += kNarrow)
    run_tile<kCode, kNarrow, kVectors>(layer, inputs, taps, run, first, channel);
}

}  // namespace tier
