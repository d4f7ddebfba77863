#include "predictor/network/model.h"

#include <fmt/format.h>

#include <cmath>
#include <random>

namespace tier {
namespace {

constexpr float kFirstSpread = -3;  // exp(-3): a twentieth above the mean

// Standard deviation of a weight at the start.
double scale_of(const TensorPlace& place) {
  if (place.inputs == 0) return 0;
  const double he = std::sqrt(2.0 / static_cast<double>(place.inputs));
  if (place.name.ends_with("conv1.weight")) return 0.5 * he;
  if (place.name == "head.weight") return 0.05 * he;
  if (place.name == "z.weight") return 0.1 * he;
  return he;
}

// std::normal_distribution differs from library to library; this does not (Box and Muller 1958).
double draw_normal(std::mt19937_64& random) {
  const auto uniform = [&] { return (static_cast<double>(random() >> 11) + 0.5) * 0x1p-53; };
  const double radius = std::sqrt(-2 * std::log(uniform()));
  return radius * std::cos(2 * M_PI * uniform());
}

}  // namespace

Result<void> ModelShape::check() const {
  TIER_TRY(network.check());
  if (encoder.rank > 32)
    return fail(ErrorKind::kUsage, fmt::format("a context cannot have {} numbers", encoder.rank),
                "use at most 32");
  return {};
}

Model::Model(ModelShape shape)
    : shape_(shape),
      network_(network_weights(shape.network)),
      values_((1 + shape.encoder.rank) * network_ + encoder_weights(shape.encoder)),
      generated_(network_, shape.generated ? 1 : 0) {
  for (const TensorPlace& place : network_tensors(shape.network))
    if (place.name == "stem.bias")
      std::fill_n(generated_.begin() + static_cast<std::ptrdiff_t>(place.offset), place.size,
                  std::uint8_t{1});
}

Model Model::random(ModelShape shape, std::uint64_t seed) {
  Model model(shape);
  std::mt19937_64 random(seed);
  const auto fill = [&](const TensorPlace& place, std::size_t at, double factor) {
    const double scale = factor * scale_of(place);
    if (scale == 0) return;
    for (std::size_t i = 0; i < place.size; ++i)
      model.values_[at + place.offset + i] = static_cast<float>(scale * draw_normal(random));
  };
  const auto places = network_tensors(shape.network);
  for (const TensorPlace& place : places) fill(place, 0, 1);
  // The high quantile begins a little above the mean: as far above as it is, it would cost more than all
  // else.
  for (const TensorPlace& place : places)
    for (std::size_t h = 0; place.name == "head.bias" && h < kHorizons.size(); ++h)
      model.values_[place.offset + (h + 1) * kHeadPerHorizon - 1] = kFirstSpread;
  const double basis = 0.3 / std::sqrt(std::max(1.0, static_cast<double>(shape.encoder.rank)));
  for (std::size_t r = 0; r < shape.encoder.rank; ++r) {
    for (const TensorPlace& place : places) fill(place, (1 + r) * model.network_, basis);
    for (std::size_t i = 0; i < model.network_; ++i) {
      float& value = model.values_[(1 + r) * model.network_ + i];
      if (!model.reached(i))
        value = 0;
      else if (!shape.generated)
        value = static_cast<float>(basis * draw_normal(random));
    }
  }
  for (const TensorPlace& place : encoder_tensors(shape.encoder)) fill(place, model.encoder_at(), 1);
  return model;
}

void Model::ignore_features(std::uint64_t seen) {
  const std::size_t features = shape_.network.features;
  for (const TensorPlace& place : network_tensors(shape_.network)) {
    if (place.name != "stem.weight") continue;
    for (std::size_t r = 0; r <= shape_.encoder.rank; ++r)
      for (std::size_t i = 0; i < place.size; ++i)
        if ((seen >> (i % features) & 1) == 0) values_[r * network_ + place.offset + i] = 0;
  }
}

void Model::generate(std::span<const float> z, std::span<float> weights) const {
  std::copy(base().begin(), base().end(), weights.begin());
  for (std::size_t r = 0; r < z.size(); ++r) {
    const float* const direction = basis(r).data();
    for (std::size_t i = 0; i < network_; ++i) weights[i] += z[r] * direction[i];
  }
}

std::vector<float> Model::generate_backward(std::span<const float> z, std::span<const float> d_weights,
                                            std::span<float> d_values) const {
  for (std::size_t i = 0; i < network_; ++i) d_values[i] += d_weights[i];
  std::vector<float> d_z(z.size());
  for (std::size_t r = 0; r < z.size(); ++r) {
    float* const d_basis = d_values.data() + (1 + r) * network_;
    double sum = 0;
    for (std::size_t i = 0; i < network_; ++i) {
      if (!reached(i)) continue;
      d_basis[i] += z[r] * d_weights[i];
      sum += static_cast<double>(d_weights[i]) * basis(r)[i];
    }
    d_z[r] = static_cast<float>(sum);
  }
  return d_z;
}

std::vector<TensorPlace> model_tensors(const ModelShape& shape) {
  std::vector<TensorPlace> places;
  const std::size_t network = network_weights(shape.network);
  for (TensorPlace place : network_tensors(shape.network)) {
    place.name = "base." + place.name;
    places.push_back(place);
  }
  if (shape.encoder.rank > 0)
    places.push_back({"basis", {shape.encoder.rank, network}, network, shape.encoder.rank * network, 0});
  const std::size_t at = (1 + shape.encoder.rank) * network;
  for (TensorPlace place : encoder_tensors(shape.encoder)) {
    if (place.size == 0) continue;  // of rank 0
    place.name = "encoder." + place.name;
    place.offset += at;
    places.push_back(place);
  }
  return places;
}

}  // namespace tier
