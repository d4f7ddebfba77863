// An exponential average that knows when to start afresh.
//
// Per region a Gamma-Poisson estimate of the sampled rate, under several hypotheses side by side: the region
// behaves as it always did (average over 50 ticks), or it changed its behaviour 1, 2, 4, 8, … ticks ago and
// only what came after counts. After each tick every hypothesis is weighed by the probability it gave to the
// count that came, and a new one, "changed just now", joins with the chance that any tick is a change
// (Bayesian online change point detection, Adams and MacKay 2007, run lengths thinned geometrically). So a
// steady region enjoys the long memory, and a changed one, in either direction, is followed within one to
// three ticks. The prior of a fresh start comes from all regions (population.h).
#pragma once

#include <cstddef>
#include <memory>

#include "predictor/forecaster.h"

namespace tier {

// Where a snapshot has twice as many regions as `looked_at` and more, silent regions of which little is
// expected are looked at in turns of up to eight ticks; see exponential_average.cpp for what that changes.
std::unique_ptr<Forecaster> make_exponential_average(std::size_t looked_at = 1024);

}  // namespace tier
