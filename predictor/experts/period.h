// Whether regions repeat what they did, and after how many ticks.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/forecast.h"

namespace tier {

// Ticks of the past that stand for the next kHorizons[horizon]: `width` of them, the first of which lies
// `back` ticks ago; and the same one or more whole periods earlier.
struct SeasonalWindow {
  std::size_t back = 0, width = 0, repeats = 0;
};

struct Period {
  std::uint32_t ticks = 0;  // 0: none was found
  // How far a deviation from the mean in those windows came back: slope of the regression, 0..1.
  std::array<float, kHorizons.size()> trust{};

  // `known`: ticks of the past that can be looked at. repeats is 0 where they do not suffice.
  SeasonalWindow window(std::size_t horizon, std::size_t known) const;
};

// `series`: one behind the other, each `length` ticks of demand, the oldest first. Finds periods up to three
// fifths of the length. The peak of the pooled autocorrelation of the square roots (counts then scatter
// alike) must stand out from what chance gives, and from the lags before it.
Period find_period(std::span<const float> series, std::size_t length);

}  // namespace tier
