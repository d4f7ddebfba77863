// How the latency of memory rises with its traffic, and what an access costs those that it holds up.
#pragma once

#include <algorithm>

namespace tier {

// L = L0 (1 + a u / (1 - u)): an M/M/1 queue for the part a of the latency that requests share. Fits of
// published load curves (sim/machine/presets.cpp) give 0.15 for DRAM and 0.22 behind CXL.
inline constexpr double kSharedPart = 0.2;
inline constexpr double kFullest = 0.95;  // utilisation; beyond it the formula has no end

// Utilisation (0..1) at which memory of an unloaded latency answers after the loaded one. Both in one unit.
constexpr double utilisation_at(double loaded, double unloaded) {
  const double queued = unloaded > 0 ? std::max(0.0, loaded / unloaded - 1) / kSharedPart : 0;
  return queued / (1 + queued);
}

constexpr double latency_at(double unloaded, double utilisation) {
  const double u = std::clamp(utilisation, 0.0, kFullest);
  return unloaded * (1 + kSharedPart * u / (1 - u));
}

// What one more access makes all others wait, in the unit of the latencies: traffic times the rise of latency
// with it, which for the curve above is u dL/du = L0 ((l - 1) + (l - 1)^2 / a), where l = L / L0. Of that the
// square, which is the queue; latencies are not measured well enough to charge for a few percent. Half of it,
// since programs that wait longer ask for less; and no more than four unloaded latencies, since near
// saturation only bandwidth counts. Docs: design.md, "Prices".
constexpr double crowding(double loaded, double unloaded) {
  if (!(unloaded > 0)) return 0;
  const double load = std::max(0.0, loaded / unloaded - 1);
  return unloaded * std::min(0.5 * load * load / kSharedPart, 4.0);
}

// Lines that stores move for each load's worth of waiting: a line comes and goes back (2), and the store
// buffer hides most of the wait, four fifths by this. Anything from 6.7 to 12 places within a point and a
// half of the gap alike (docs/benchmarks.md).
inline constexpr double kLinesOfStore = 10;
// Lines moved per load's worth of waiting, of accesses of which `stores` (0..1) are stores.
constexpr double lines_per_wait(double stores) { return 1 + (kLinesOfStore - 1) * stores; }

}  // namespace tier
