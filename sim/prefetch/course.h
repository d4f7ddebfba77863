// How a scenario's phases follow each other: private to the scenarios.
#pragma once

#include <functional>
#include <random>

#include "sim/prefetch/scenarios.h"
#include "sim/workloads/draw.h"

namespace tier::sim {

struct Range {
  double low = 0, high = 0;
  double draw(std::mt19937_64& random) const { return low + (high - low) * draw_uniform(random); }
};

// One draw of a phase's model; the phase's number and which place of the work each scope has (a permutation,
// part of which changes from phase to phase).
using DrawModel = std::function<std::shared_ptr<const PrefetchModel>(
    std::mt19937_64& random, std::size_t phase, const std::vector<std::uint32_t>& places)>;
using Promise = std::function<bool(const PrefetchModel& model, std::size_t phase)>;

// Phases of `length` intervals until all are filled. A model is drawn until it keeps the promise: kFailed
// where it will not.
Result<PrefetchCourse> draw_course(const char* scenario, std::uint64_t seed, std::size_t intervals,
                                   std::size_t scopes, Range length, const DrawModel& draw,
                                   const Promise& promise);

}  // namespace tier::sim
