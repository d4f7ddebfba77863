// Rounding on hot paths.
#pragma once

#include <cstddef>

namespace tier {

// The whole number nearest to what is not negative, halves upwards. std::lround() would be a call.
inline std::size_t nearest_whole(double value) {
  constexpr double kHalf = 0.5;
  return static_cast<std::size_t>(value + kHalf);
}

}  // namespace tier
