#include "predictor/network/dense.h"

#include <algorithm>

#include "predictor/network/onednn.h"

namespace tier {
namespace {

// A ReLU's gradient: none where nothing came out of it, before a region's first tick for example.
void mask(std::span<float> gradient, const AlignedFloats& out) {
  for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] = out[i] > 0 ? gradient[i] : 0;
}

}  // namespace

Result<std::unique_ptr<DenseNetwork>> DenseNetwork::make(const NetworkShape& shape, std::size_t ticks,
                                                         std::size_t regions, Kernels kernels) {
  TIER_TRY(shape.check());
  if (ticks == 0 || regions == 0)
    return fail(ErrorKind::kUsage, "a network cannot run over no ticks or no regions",
                "use one or more of each");
  std::unique_ptr<DenseNetwork> network(new DenseNetwork(shape, ticks, regions));
  TIER_TRY(network->make_layers(kernels));
  return network;
}

Result<void> DenseNetwork::make_layers(Kernels kernels) {
  const std::vector<TensorPlace> places = network_tensors(shape_);
  const std::size_t last = places.size() / 2 - 1, size = ticks_ * regions_;
  layers_.resize(last + 1);
  for (std::size_t i = 0; i <= last; ++i) {
    Layer& layer = layers_[i];
    layer.weight = places[2 * i], layer.bias = places[2 * i + 1];
    const auto& dimensions = layer.weight.dimensions;
    ConvolutionShape convolution{
        .ticks = ticks_, .regions = regions_, .inputs = dimensions[1], .outputs = dimensions[0]};
    if (dimensions.size() == 3)
      convolution.taps = dimensions[2], convolution.dilation = std::size_t{1} << (i - 1) / 2;
    convolution.relu = i != last;
    convolution.add = i > 0 && i != last && i % 2 == 0;
    if (kernels == Kernels::kPlain) {
      layer.convolution = plain_convolution(convolution);
    } else {
      layer.convolution = TIER_TRY(onednn_convolution(convolution, ConvolutionUse::kTraining));
    }
    if (i != last) layer.out.resize(size * shape_.channels);
  }
  for (AlignedFloats* gradient : {&d_out_, &d_middle_, &d_in_}) gradient->resize(size * shape_.channels);
  return {};
}

void DenseNetwork::clear_before_first(std::span<float> activations, std::size_t channels) const {
  if (!late_) return;
  for (std::size_t region = 0; region < regions_; ++region)
    for (std::size_t tick = 0; tick < std::min<std::size_t>(first_tick_[region], ticks_); ++tick)
      std::fill_n(activations.data() + (tick * regions_ + region) * channels, channels, 0.0F);
}

Result<void> DenseNetwork::run_layer(std::size_t index, const float* in, const float* residual, float* out) {
  const std::size_t channels = layers_[index].weight.dimensions[0], size = ticks_ * regions_ * channels;
  if (residual) std::copy_n(residual, size, out);
  TIER_TRY(layers_[index].convolution->forward(in, out));
  clear_before_first({out, size}, channels);
  return {};
}

Result<void> DenseNetwork::forward(std::span<const float> weights, std::span<const float> features,
                                   std::span<const std::uint32_t> first_tick, std::span<float> outputs) {
  features_ = features, first_tick_ = first_tick;
  late_ = std::any_of(first_tick.begin(), first_tick.end(), [](std::uint32_t first) { return first > 0; });
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    const auto of = [&](const TensorPlace& place) { return weights.subspan(place.offset, place.size); };
    TIER_TRY(layer.convolution->set_weights(of(layer.weight), of(layer.bias)));
    const bool head = i + 1 == layers_.size(), second = !head && i > 0 && i % 2 == 0;
    const float* residual = second ? layers_[i - 2].out.data() : nullptr;
    TIER_TRY(run_layer(i, input_of(i), residual, head ? outputs.data() : layer.out.data()));
  }
  return {};
}

Result<void> DenseNetwork::weights_gradient(std::size_t index, const float* d_out,
                                            std::span<float> d_weights) {
  const Layer& layer = layers_[index];
  return layer.convolution->backward_weights(input_of(index), d_out,
                                             d_weights.subspan(layer.weight.offset, layer.weight.size),
                                             d_weights.subspan(layer.bias.offset, layer.bias.size));
}

// From d_out_, the gradient to the block's output, to that of its input, in d_out_ again. `first`: the
// block's first convolution.
Result<void> DenseNetwork::block_backward(std::size_t first, std::span<float> d_weights) {
  mask(d_out_, layers_[first + 1].out);
  TIER_TRY(weights_gradient(first + 1, d_out_.data(), d_weights));
  TIER_TRY(layers_[first + 1].convolution->backward_data(d_out_.data(), d_middle_.data()));
  mask(d_middle_, layers_[first].out);
  TIER_TRY(weights_gradient(first, d_middle_.data(), d_weights));
  TIER_TRY(layers_[first].convolution->backward_data(d_middle_.data(), d_in_.data()));
  for (std::size_t i = 0; i < d_out_.size(); ++i) d_out_[i] += d_in_[i];
  return {};
}

Result<void> DenseNetwork::backward(std::span<const float> d_outputs, std::span<float> d_weights) {
  const float* d_head = d_outputs.data();
  if (late_) {
    d_head_.assign(d_outputs.begin(), d_outputs.end());
    clear_before_first(d_head_, kHeadOutputs);
    d_head = d_head_.data();
  }
  const std::size_t head = layers_.size() - 1;
  TIER_TRY(weights_gradient(head, d_head, d_weights));
  TIER_TRY(layers_[head].convolution->backward_data(d_head, d_out_.data()));
  for (std::size_t first = head; first > 1; first -= 2) TIER_TRY(block_backward(first - 2, d_weights));
  mask(d_out_, layers_[0].out);
  return weights_gradient(0, d_out_.data(), d_weights);
}

std::size_t DenseNetwork::bytes_used() const {
  std::size_t floats = d_out_.capacity() + d_middle_.capacity() + d_in_.capacity() + d_head_.capacity();
  for (const Layer& layer : layers_) floats += layer.out.capacity();
  return floats * sizeof(float);
}

}  // namespace tier
