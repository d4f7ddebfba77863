// Sums of products that become vector code: one running sum would have to wait for each addition.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace tier {

// Σ a_i b_i. Single precision within, so for thousands of terms, not for millions. Equal lengths.
inline double dot(std::span<const float> a, std::span<const float> b) {
  std::array<float, 8> sums{};
  std::size_t i = 0;
  for (; i + sums.size() <= a.size(); i += sums.size())
    for (std::size_t k = 0; k < sums.size(); ++k) sums[k] += a[i + k] * b[i + k];
  double sum = 0;
  for (const float part : sums) sum += part;
  for (; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace tier
