// exp and tanh of vectors of floats, without branches. After S. Moshier's Cephes library (expf, tanhf):
// polynomials on a reduced range. Relative error below 1e-6.
#pragma once

#include <bit>
#include <cstdint>

#include "predictor/network/vector_code.h"

namespace tier {

// Held to exp(±87), which floats just hold; not a number stays so. By reference: vectors wider than the CPU's
// are not handed over by value alike everywhere.
template <typename V>
TIER_INLINE void vector_exp(const V& of, V& result) {
  using Bits = decltype(V{} < V{});
  V x = of < -87.0F ? V{} - 87.0F : of;
  x = x > 87.0F ? V{} + 87.0F : x;
  // 1.5 · 2^23: added, it leaves the nearest integer in the lowest bits of the mantissa.
  constexpr float kRounder = 12582912;
  const V shifted = x * 1.44269504088896341F + kRounder;
  const V n = shifted - kRounder;
  const V f = x - n * 0.693359375F + n * 2.12194440e-4F;  // ln 2 in two parts
  V p = f * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * f + 8.3334519073e-3F;
  p = p * f + 4.1665795894e-2F;
  p = p * f + 1.6666665459e-1F;
  p = p * f + 5.0000001201e-1F;
  p = p * f * f + f + 1.0F;
  const Bits power = reinterpret_cast<Bits>(shifted) - std::bit_cast<std::int32_t>(kRounder) + 127;
  result = p * reinterpret_cast<V>(power << 23);
}

template <typename V>
TIER_INLINE void vector_tanh(const V& x, V& result) {
  const V square = x * x;
  V p = square * -5.70498872745e-3F + 2.06390887954e-2F;
  p = p * square - 5.37397155531e-2F;
  p = p * square + 1.33314422036e-1F;
  p = p * square - 3.33332819422e-1F;
  const V near = p * square * x + x;
  V power;
  vector_exp(V(x * 2.0F), power);
  const V far = 1.0F - 2.0F / (power + 1.0F);
  result = square < 0.390625F ? near : far;  // |x| below 0.625
}

}  // namespace tier
