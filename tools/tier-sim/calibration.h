// How much faster tierd makes a program in the lab, and by the simulator on what that run recorded, on a
// machine like the lab's.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "core/result.h"

namespace tier::sim {

// Of one scenario. Gains are operations a second with tierd over those without, the tool's own CPU time given
// back.
struct GainComparison {
  std::string scenario;
  double lab = 0;
  double simulated = 0, least = 1e9, most = 0;  // mean over the seeds, and their range
  // By the simulator's clock and the lab's own placement: what it differs from the lab's gain by is the
  // clock, what it differs from the simulated gain by is what tierd saw and moved.
  double clock = 0;
  double waits_lab = 0, waits_simulated = 0;  // share of the time waited for memory, under tierd
  double off() const { return std::abs(simulated / lab - 1); }
};

// The folders of `tier-lab run`, one with none and one with tierd; the latter has a lab.trace, too, which is
// replayed `seeds` times with tierd and once from the first placement of the other run with nobody moving
// anything. Errors (kUsage): no results, not such a pair, nothing counted.
Result<GainComparison> compare_gain(const std::string& none_folder, const std::string& tierd_folder,
                                    std::uint64_t seeds);

}  // namespace tier::sim
