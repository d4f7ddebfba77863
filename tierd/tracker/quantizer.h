// Demand in eight bits: logarithmic, so that a history of 32 ticks costs 32 bytes.
#pragma once

#include <cstdint>

#include "core/units.h"

namespace tier {

// Code 0 is no demand; code c in 1..255 stands for 2^((c - 1) / 8) accesses, so 1 to 3.6e9. Within that span
// the relative error is at most 2^(1/16) - 1 = 4.5 %. Below half an access reads as none, above the span
// saturates (3.6e9 serialised accesses in a tick would be 36 threads waiting all of a ten-second tick).
std::uint8_t quantize_demand(Accesses demand);
Accesses dequantize_demand(std::uint8_t code);

inline constexpr double kQuantizerRelativeError = 0.0443;

}  // namespace tier
