// What the newest output needs of each layer, and no more. A block's second convolution gives every second
// tick only: so the next block, whose dilation is twice as large, finds its taps side by side. With three
// blocks the ticks go 29, 27, 13, 11, 5, 3, 1.
#pragma once

#include <cstdint>
#include <vector>

#include "predictor/network/shape.h"

namespace tier {

struct PyramidLayer {
  std::size_t ticks_in = 0, ticks_out = 0, stride = 1;
  // Output p is of tick `first` + p · `step` of the window.
  std::size_t first = 0, step = 1;
};

// Stem and both convolutions of each block; the head takes the last tick.
std::vector<PyramidLayer> pyramid_layers(const NetworkShape& shape);

// Zeros for ticks before a region's first. `missing`: ticks of the window that it has not seen, by region.
// `activations`: ticks_out x regions x channels.
void clear_missing(const PyramidLayer& layer, const std::uint32_t* missing, std::size_t regions,
                   std::size_t channels, float* activations);

// Which of a ring of `window` ticks is tick `p` of the window that ends with tick `now`.
inline std::size_t ring_place(std::uint64_t now, std::size_t p, std::size_t window) {
  return static_cast<std::size_t>((now + 1 + p) % window);
}

}  // namespace tier
