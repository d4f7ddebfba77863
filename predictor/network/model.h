// A trained model: the base weights of the network, the basis by which context changes them, and the encoder
// of the context. weights(z) = base + Σ z_r · basis_r: the last layer of a hypernetwork (Ha, Dai and Le 2016)
// is such a basis, and at z = 0 the base alone is a usable network.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "predictor/network/encoder.h"
#include "predictor/network/shape.h"

namespace tier {

struct ModelShape {
  NetworkShape network;
  EncoderShape encoder;
  bool generated = true;  // false: context moves the stem's biases only
  bool operator==(const ModelShape&) const = default;
  Result<void> check() const;
};

// All numbers that training changes, one behind the other: base, basis (by r, then weight), encoder.
class Model {
 public:
  explicit Model(ModelShape shape);
  // Random weights: He et al. 2015 for the layers that a ReLU follows, the second convolution of a block
  // half, the head a twentieth of that, so that it begins as a mixture of the baselines; the basis 0.3 /
  // sqrt(R) of it (Chang, Flokas and Lipson 2020: a generator must not add variance).
  static Model random(ModelShape shape, std::uint64_t seed);

  const ModelShape& shape() const { return shape_; }
  std::span<float> values() { return values_; }
  std::span<const float> values() const { return values_; }
  std::size_t network_size() const { return network_; }
  std::span<const float> base() const { return {values_.data(), network_}; }
  std::span<const float> basis(std::size_t r) const {
    return {values_.data() + (1 + r) * network_, network_};
  }
  std::span<const float> encoder() const { return std::span(values_).subspan(encoder_at()); }
  std::size_t encoder_at() const { return (1 + shape_.encoder.rank) * network_; }
  // Whether basis vectors reach that weight of the network.
  bool reached(std::size_t weight) const { return generated_[weight] != 0; }

  // The stem no longer reads the features whose bit is not set: what it says of them is zero in base and
  // basis.
  void ignore_features(std::uint64_t seen);

  // z: rank floats, or none for the base alone.
  void generate(std::span<const float> z, std::span<float> weights) const;
  // Adds to d_values what d(loss)/d(weights) says of base and basis; returns d(loss)/d(z).
  std::vector<float> generate_backward(std::span<const float> z, std::span<const float> d_weights,
                                       std::span<float> d_values) const;

 private:
  ModelShape shape_;
  std::size_t network_;
  std::vector<float> values_;
  std::vector<std::uint8_t> generated_;  // by weight of the network
};

// Every tensor of the model by name: "base.stem.weight", "basis" (rank x weights), "encoder.query.bias".
std::vector<TensorPlace> model_tensors(const ModelShape& shape);

}  // namespace tier
