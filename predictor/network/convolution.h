// One convolution over time of a batch of regions, and its gradients. Activations lie time-major: tick,
// region, channel, the last index runs fastest. This layout is the one at which oneDNN is fast.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "core/result.h"

namespace tier {

struct ConvolutionShape {
  std::size_t ticks = 0, regions = 0, inputs = 0, outputs = 0;  // ticks that go in
  std::size_t taps = 1, dilation = 1, stride = 1;
  // Zeros stand before the first tick and as many ticks come out as go in (stride 1). Otherwise only ticks
  // come out of which all taps are there.
  bool causal = true;
  bool relu = false;  // of the sum
  bool add = false;   // forward adds to what `out` holds

  std::size_t reach() const { return (taps - 1) * dilation; }  // ticks before the newest tap
  std::size_t ticks_out() const { return causal ? ticks : (ticks - 1 - reach()) / stride + 1; }
  std::size_t in_size() const { return ticks * regions * inputs; }
  std::size_t out_size() const { return ticks_out() * regions * outputs; }
  std::size_t weight_size() const { return outputs * inputs * taps; }
};

// Sizes of all arrays follow from the shape. Not thread-safe.
class Convolution {
 public:
  virtual ~Convolution() = default;
  // `weight`: out, in, taps, oldest tick first. Kept until set again.
  virtual Result<void> set_weights(std::span<const float> weight, std::span<const float> bias) = 0;
  // out = relu(in * weight + bias + out), by the shape's flags. Activations beside a cache line work too,
  // slower.
  virtual Result<void> forward(const float* in, float* out) = 0;
  // Of the causal form alone; `d_out` is the gradient before the ReLU. Results overwrite.
  virtual Result<void> backward_data(const float* d_out, float* d_in) = 0;
  virtual Result<void> backward_weights(const float* in, const float* d_out, std::span<float> d_weight,
                                        std::span<float> d_bias) = 0;
};

// Plain C++: works everywhere, and is what the other is tested against.
std::unique_ptr<Convolution> plain_convolution(const ConvolutionShape& shape);

}  // namespace tier
