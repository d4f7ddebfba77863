#include "tierd/tracker/quantizer.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace tier {
namespace {

constexpr double kStepsPerOctave = 8;

std::array<double, 256> make_levels() {
  std::array<double, 256> levels{};
  for (int code = 1; code < 256; ++code) levels[code] = std::exp2((code - 1) / kStepsPerOctave);
  return levels;
}

}  // namespace

std::uint8_t quantize_demand(Accesses demand) {
  if (!(demand.value >= 0.5)) return 0;  // also NaN
  const double step = std::round(kStepsPerOctave * std::log2(demand.value));
  return static_cast<std::uint8_t>(std::clamp(step + 1, 1.0, 255.0));
}

Accesses dequantize_demand(std::uint8_t code) {
  static const std::array<double, 256> levels = make_levels();
  return {levels[code]};
}

}  // namespace tier
