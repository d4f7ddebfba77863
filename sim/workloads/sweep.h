// A position that sweeps over a range of regions again and again, touching every line once each time.
#pragma once

#include <cmath>
#include <cstdint>

#include "sim/workloads/pattern.h"

namespace tier::sim {

class Sweep {
 public:
  Sweep(std::uint32_t first, std::uint32_t count) : first_(first), count_(count) {}

  // Moves on by so many regions: what lay in front is what the interval touches.
  void move(double regions) {
    from_ = at_;
    length_ = std::fmin(regions, count_);
    at_ = std::fmod(at_ + regions, count_);
  }
  // Whether intervals of this length all touch the same: everything.
  bool covers_all(double regions) const { return regions >= count_; }

  // Weights are lines per region: those at the ends of the window are touched in part.
  void paint(Painter& painter) const {
    if (length_ >= count_) return painter.span(first_, count_, 1);
    const double end = from_ + length_;
    if (end > count_) part(painter, 0, end - count_);
    part(painter, from_, std::fmin(end, count_));
  }

 private:
  void part(Painter& painter, double begin, double end) const {
    for (double region = std::floor(begin); region < end; ++region)
      painter.cell(first_ + static_cast<std::uint32_t>(region),
                   std::fmin(region + 1, end) - std::fmax(region, begin));
  }

  std::uint32_t first_, count_;
  double at_ = 0, from_ = 0, length_ = 0;
};

inline double lines_per_region(const Common& common) {
  return static_cast<double>(common.region_size.value) / kLineSize;
}

}  // namespace tier::sim
