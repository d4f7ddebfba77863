#include "predictor/exposures.h"

#include <algorithm>
#include <cmath>

namespace tier {
namespace {

// A node that shows a thousandth tells nothing; without a bound its regions would weigh a thousandfold.
constexpr double kLeast = 1e-3, kMost = 1e3;

}  // namespace

void Exposures::advance(const std::vector<NodeVisibility>& nodes, double tick, const RunLengths& runs,
                        RunLengths::Step step) {
  ++ticks_;
  if (unit_ == 0 && !nodes.empty()) unit_ = nodes.back().visible;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const bool known = unit_ > 0 && nodes[i].visible > 0;
    const double visible = known ? std::clamp(nodes[i].visible / unit_, kLeast, kMost) * tick : tick;
    if (i == places_.size()) places_.push_back({});
    Place& place = places_[i];
    if (place.node != nodes[i].node) place = {nodes[i].node, visible, visible, {}, {}};
    update(place, visible, runs, step);
  }
  places_.resize(std::max<std::size_t>(nodes.size(), 1));
  if (nodes.empty()) update(places_[0], tick, runs, step);
}

// A place met for the first time is taken to have been as visible before.
void Exposures::update(Place& place, double visible, const RunLengths& runs, RunLengths::Step step) const {
  const bool met = place.sum[0] > 0;
  place.now = visible;
  place.recent += (1 - kKept) * (visible - place.recent);
  place.sum[0] *= RunLengths::kKept;
  place.sum[step.newest] = 0;
  for (std::size_t i = 0; i < runs.count(); ++i) {
    const std::size_t slot = runs.slot(i);
    const double ticks = runs.exposure(i, ticks_);
    place.sum[slot] = met ? place.sum[slot] + visible : visible * ticks;
    place.mean[slot] = place.sum[slot] / ticks;
  }
}

}  // namespace tier
