// Random draws that give the same values with every standard library, as its distributions do not.
#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

namespace tier::sim {

// From 0 up to, not including, 1.
inline double draw_uniform(std::mt19937_64& random) { return static_cast<double>(random() >> 11) * 0x1p-53; }

// One of 0 … count - 1.
inline std::uint32_t draw_below(std::mt19937_64& random, std::uint32_t count) {
  return static_cast<std::uint32_t>(draw_uniform(random) * count);
}

inline double draw_exponential(std::mt19937_64& random, double mean) {
  return -mean * std::log1p(-draw_uniform(random));
}

// 0 … count - 1 in an order of chance.
inline std::vector<std::uint32_t> draw_order(std::mt19937_64& random, std::uint32_t count) {
  std::vector<std::uint32_t> order(count);
  for (std::uint32_t i = 0; i < count; ++i) order[i] = i;
  for (std::uint32_t i = count; i > 1; --i) std::swap(order[i - 1], order[draw_below(random, i)]);
  return order;
}

}  // namespace tier::sim
