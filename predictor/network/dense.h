// The whole network at every tick, forward and backward: what training needs.
//
// Activations lie time-major: tick, region, channel, the last index runs fastest. Ticks before a region's
// first are zeros at the input of every layer.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "predictor/network/aligned.h"
#include "predictor/network/convolution.h"
#include "predictor/network/shape.h"

namespace tier {

enum class Kernels { kOnednn, kPlain };  // plain: works everywhere, ten times slower and more

// For windows of one size. Not thread-safe; works on the calling thread alone.
class DenseNetwork {
 public:
  // kUsage: a shape that cannot be; kUnsupported: oneDNN cannot do it here, see onednn.h.
  static Result<std::unique_ptr<DenseNetwork>> make(const NetworkShape& shape, std::size_t ticks,
                                                    std::size_t regions, Kernels kernels);

  // `weights`: as network_tensors lays them out. `features`: ticks x regions x shape.features. `first_tick`:
  // by region, of the window; a region that is not there at all has `ticks`; features before it are finite.
  // `outputs`: ticks x regions x kHeadOutputs; zeros before a region's first tick. Keeps what backward needs,
  // but `features` and `first_tick` only by reference: they stay valid until then.
  Result<void> forward(std::span<const float> weights, std::span<const float> features,
                       std::span<const std::uint32_t> first_tick, std::span<float> outputs);
  // Gradient of a loss to the weights, from that to the outputs; of the window last seen forward. What
  // `d_outputs` says of ticks before a region's first is not read.
  Result<void> backward(std::span<const float> d_outputs, std::span<float> d_weights);

  std::size_t bytes_used() const;

 private:
  // One convolution: its weights' places, what it reads and writes.
  struct Layer {
    TensorPlace weight, bias;
    std::unique_ptr<Convolution> convolution;
    AlignedFloats out;  // after the ReLU; the head's goes to the caller
  };

  DenseNetwork(const NetworkShape& shape, std::size_t ticks, std::size_t regions)
      : shape_(shape), ticks_(ticks), regions_(regions) {}
  Result<void> make_layers(Kernels kernels);
  Result<void> run_layer(std::size_t index, const float* in, const float* residual, float* out);
  void clear_before_first(std::span<float> activations, std::size_t channels) const;
  const float* input_of(std::size_t index) const {
    return index == 0 ? features_.data() : layers_[index - 1].out.data();
  }
  Result<void> weights_gradient(std::size_t index, const float* d_out, std::span<float> d_weights);
  Result<void> block_backward(std::size_t first, std::span<float> d_weights);

  NetworkShape shape_;
  std::size_t ticks_, regions_;
  std::vector<Layer> layers_;  // stem, two of each block, head
  std::span<const float> features_;
  std::span<const std::uint32_t> first_tick_;
  bool late_ = false;                               // some region's first tick is not the window's
  AlignedFloats d_out_, d_middle_, d_in_, d_head_;  // gradients on their way down
};

}  // namespace tier
