// exp and tanh that a compiler can put into vector loops: no branches, no calls. After S. Moshier's Cephes
// library (expf, tanhf): polynomials on a reduced range. Relative error below 1e-6.
#pragma once

#include <bit>
#include <cstdint>

#include "predictor/network/vector_code.h"

namespace tier {

// Held to exp(±87), which floats just hold; not a number stays so.
TIER_INLINE float vector_exp(float x) {
  x = x < -87 ? -87.0F : x;
  x = x > 87 ? 87.0F : x;
  // 1.5 · 2^23: added, it leaves the nearest integer in the lowest bits of the mantissa.
  constexpr float kRounder = 12582912;
  const float shifted = x * 1.44269504088896341F + kRounder;
  const float n = shifted - kRounder;
  const float f = x - n * 0.693359375F + n * 2.12194440e-4F;  // ln 2 in two parts
  float p = 1.9875691500e-4F;
  p = p * f + 1.3981999507e-3F;
  p = p * f + 8.3334519073e-3F;
  p = p * f + 4.1665795894e-2F;
  p = p * f + 1.6666665459e-1F;
  p = p * f + 5.0000001201e-1F;
  p = p * f * f + f + 1;
  const std::int32_t power =
      std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(kRounder) + 127;
  return p * std::bit_cast<float>(power << 23);
}

TIER_INLINE float vector_tanh(float x) {
  const float square = x * x;
  float p = -5.70498872745e-3F;
  p = p * square + 2.06390887954e-2F;
  p = p * square - 5.37397155531e-2F;
  p = p * square + 1.33314422036e-1F;
  p = p * square - 3.33332819422e-1F;
  const float near = p * square * x + x;
  const float far = 1 - 2 / (vector_exp(2 * x) + 1);
  return square < 0.390625F ? near : far;  // |x| below 0.625
}

}  // namespace tier
