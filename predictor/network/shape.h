// Shape of the temporal convolutional network and where each of its weights lies.
//
// Per region and tick: F features → stem (1x1, C channels, ReLU) → B residual blocks of two causal
// convolutions over three ticks, dilation 2^block (Bai, Kolter and Koltun 2018), out = ReLU(x + conv1(ReLU(
// conv0(x)))) → head (1x1). Ticks before a region's first are zeros at the input of every layer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/forecast.h"
#include "core/result.h"

namespace tier {

inline constexpr std::size_t kTaps = 3;       // of each convolution: ticks t - 2d, t - d and t
inline constexpr std::size_t kBaselines = 8;  // that the head chooses among, see features.h
// Of the head, per horizon: one gate per baseline, the log of the residual factor, low and high quantile.
inline constexpr std::size_t kHeadPerHorizon = kBaselines + 3;
inline constexpr std::size_t kHeadOutputs = kHeadPerHorizon * kHorizons.size();
inline constexpr std::size_t kBaselineFloats = kHorizons.size() * kBaselines;  // of one region and tick

struct NetworkShape {
  std::uint32_t features = 32;  // multiple of 8
  std::uint32_t channels = 8;   // multiple of 8, at most 64
  std::uint32_t blocks = 3;     // 0 to 5; 0: no convolutions, the head sees the stem
  bool operator==(const NetworkShape&) const = default;

  // Ticks that the newest output depends on: 1 + 2 · 2 · (2^B - 1).
  std::size_t receptive_field() const { return 1 + 2 * (kTaps - 1) * ((std::size_t{1} << blocks) - 1); }
  Result<void> check() const;  // kUsage: what is out of range
};

// One tensor within a flat vector of weights; plain layout, the last index runs fastest.
struct TensorPlace {
  std::string name;                       // "stem.weight", "block0.conv1.bias", "head.weight"
  std::vector<std::uint64_t> dimensions;  // weight: out, in[, taps, oldest tick first]; bias: out
  std::size_t offset = 0, size = 0;
  std::size_t inputs = 0;  // that one output sums over; 0 for a bias
};

// All tensors of one network, in order: stem, blocks, head; of each the weight, then the bias.
std::vector<TensorPlace> network_tensors(const NetworkShape& shape);
std::size_t network_weights(const NetworkShape& shape);  // floats in all

}  // namespace tier
