// Seeded weights and features of the scale that training gives.
#pragma once

#include <cmath>
#include <random>
#include <vector>

#include "predictor/network/shape.h"

namespace tier::testing {

// He scale, biases around zero.
inline std::vector<float> random_weights(const NetworkShape& shape, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> weights(network_weights(shape));
  for (const TensorPlace& place : network_tensors(shape)) {
    const double scale = place.inputs == 0 ? 0.1 : std::sqrt(2.0 / static_cast<double>(place.inputs));
    for (std::size_t i = 0; i < place.size; ++i)
      weights[place.offset + i] = static_cast<float>(std::normal_distribution(0.0, scale)(random));
  }
  return weights;
}

// Half of them zero, the others up to the features' usual 3.
inline std::vector<float> random_features(std::size_t size, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> features(size);
  for (float& feature : features)
    feature = random() % 2 == 0 ? 0.0F : std::uniform_real_distribution<float>(0, 3)(random);
  return features;
}

}  // namespace tier::testing
