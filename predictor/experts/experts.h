// The makers of the experts, for the table.
#pragma once

#include <memory>

#include "predictor/experts/expert.h"

namespace tier {

// What the region did in the last tick.
std::unique_ptr<Expert> make_last_expert();
// The average of kAverageRates[scale].
std::unique_ptr<Expert> make_average_expert(std::size_t scale);
// How often the region is touched, times what a touch means on average: a burst counts no more than a
// trickle.
std::unique_ptr<Expert> make_frequency_expert();
// Level and damped trend (Holt 1957; Gardner and McKenzie 1985).
std::unique_ptr<Expert> make_holt_expert();
// The average over two neighbours on either side: hot data lies together, and together it has more samples.
std::unique_ptr<Expert> make_neighbours_expert();
// What the region did one, two and three periods ago, as far as the regions of its target do repeat.
std::unique_ptr<Expert> make_seasonal_expert();
// A chain on classes of demand, its transitions counted over all regions.
std::unique_ptr<Expert> make_markov_expert();
// The forecaster "exponential-average".
std::unique_ptr<Expert> make_exponential_average_expert();

}  // namespace tier
