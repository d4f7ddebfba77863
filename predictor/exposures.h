// How much of each node's accesses the samples of the past showed. Shared by all regions of a node.
//
// Stall samples show a slow node better than a fast one: a region that moves up from a node eleven times as
// slow leaves one sample where it left eleven, with the same demand. So exposure counts seconds weighed by
// how well they show the node, and rates are samples per unit of exposure: the same wherever a region lies,
// and however long the ticks are.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/region.h"
#include "predictor/run_lengths.h"

namespace tier {

class Exposures {
 public:
  // A new tick of so many seconds; `step` is what runs.advance() gave.
  void advance(const std::vector<NodeVisibility>& nodes, double tick, const RunLengths& runs,
               RunLengths::Step step);

  std::size_t places() const { return places_.size(); }  // one per node, at least one
  // The slowest node's where the region's is not known.
  std::size_t place_of(NodeId node) const {
    std::size_t i = 0;
    while (i + 1 < places_.size() && places_[i].node != node) ++i;
    return i;
  }
  std::size_t slowest() const { return places_.size() - 1; }

  // Of the running tick alone: its seconds, for the slowest node in the first tick.
  double now(std::size_t place) const { return places_[place].now; }
  // Per tick of what hypothesis i of `runs` has seen, the running tick included.
  double mean(std::size_t place, std::size_t slot) const { return places_[place].mean[slot]; }
  // Per tick, of the discounted memory of `kKept` per tick.
  double recent(std::size_t place) const { return places_[place].recent; }
  static constexpr double kKept = 0.93;  // 14 ticks

 private:
  struct Place {
    NodeId node;
    double now = 1, recent = 1;
    std::array<double, RunLengths::kMost> sum{}, mean{};  // by slot
  };
  void update(Place& place, double visible, const RunLengths& runs, RunLengths::Step step) const;

  std::vector<Place> places_ = {Place{}};
  double unit_ = 0;  // visibility that counts as 1
  std::uint64_t ticks_ = 0;
};

}  // namespace tier
