#include "predictor/network/layer_code.h"

#include <algorithm>

namespace tier {
namespace {

PackedLayer pack(const TensorPlace& weight, const TensorPlace& bias, std::span<const float> weights) {
  PackedLayer layer;
  const auto& dimensions = weight.dimensions;
  layer.inputs = dimensions[1], layer.taps = dimensions.size() == 3 ? dimensions[2] : 1;
  layer.outputs = (dimensions[0] + kEight - 1) / kEight * kEight;
  layer.bias.assign(layer.outputs, 0.0F);
  std::copy_n(weights.begin() + static_cast<std::ptrdiff_t>(bias.offset), bias.size, layer.bias.begin());
  layer.weight.assign(layer.outputs * layer.inputs * layer.taps, 0.0F);
  for (std::size_t o = 0; o < dimensions[0]; ++o) {
    const std::size_t pair = o / (2 * kEight) * (2 * kEight);
    const std::size_t width = std::min(layer.outputs - pair, 2 * kEight);
    for (std::size_t i = 0; i < layer.inputs; ++i)
      for (std::size_t tap = 0; tap < layer.taps; ++tap)
        layer.weight[pair * layer.inputs * layer.taps + (tap * layer.inputs + i) * width + o - pair] =
            weights[weight.offset + (o * layer.inputs + i) * layer.taps + tap];
  }
  return layer;
}

}  // namespace

std::vector<PackedLayer> pack_layers(const NetworkShape& shape, std::span<const float> weights) {
  std::vector<PackedLayer> layers;
  const std::vector<TensorPlace> places = network_tensors(shape);
  for (std::size_t i = 0; i < places.size(); i += 2)
    layers.push_back(pack(places[i], places[i + 1], weights));
  return layers;
}

}  // namespace tier
