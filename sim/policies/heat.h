// HeMem's view of a region: sampled reads and writes since the last cooling, cooled when next looked at.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/machine/machine.h"
#include "sim/machine/sampling.h"

namespace tier::sim {

class SampledHeat {
 public:
  SampledHeat(Region regions, double cooling) : cooling_(cooling), heat_(regions) {}

  struct Heat {
    std::uint32_t reads = 0, writes = 0, clock = 0;
  };

  // Counts one sample. When it is one too many, everything's heat is halved: true.
  bool count(const SampledAccess& sample) {
    Heat& heat = cooled(sample.region);
    std::uint32_t& counter = sample.store ? heat.writes : heat.reads;
    ++counter;
    total_ += 1;
    if (counter <= cooling_) return false;
    ++clock_;
    total_ /= 2;
    return true;
  }

  // As of now.
  Heat& cooled(Region region) {
    Heat& heat = heat_[region];
    if (heat.clock == clock_) return heat;
    const std::uint32_t halvings = std::min<std::uint32_t>(31, clock_ - heat.clock);
    heat.reads >>= halvings, heat.writes >>= halvings;
    heat.clock = clock_;
    return heat;
  }
  void forget(Region region) { heat_[region] = {0, 0, clock_}; }

  // Of all regions together, about: halves of odd numbers are kept.
  double total() const { return total_; }

 private:
  double cooling_;
  std::vector<Heat> heat_;
  std::uint32_t clock_ = 0;
  double total_ = 0;
};

}  // namespace tier::sim
