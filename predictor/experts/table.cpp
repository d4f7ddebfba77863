#include <vector>

#include "predictor/experts/experts.h"

namespace tier {

std::span<const ExpertEntry> expert_table() {
  const auto average = [](std::size_t scale) { return [scale] { return make_average_expert(scale); }; };
  static const std::vector<ExpertEntry> table = {
      {"average-0.12", "exponential average over 8 ticks", average(1)},
      {"last", "the last tick's demand", make_last_expert},
      {"average-0.4", "exponential average over 2 ticks", average(0)},
      {"average-0.05", "exponential average over 20 ticks", average(2)},
      {"average-0.02", "exponential average over 50 ticks", average(3)},
      {"average-0.005", "exponential average over 200 ticks", average(4)},
      {"frequency", "how often it is touched, whatever it is asked then", make_frequency_expert},
      {"holt", "level and damped trend", make_holt_expert},
      {"neighbours", "average over 8 ticks and over two neighbours on either side", make_neighbours_expert},
      {"seasonal", "what it did whole periods ago, where its target repeats itself", make_seasonal_expert},
      {"markov", "a chain on classes of demand", make_markov_expert},
      {"exponential-average", "averages over 2 to 50 ticks, mixed by how well each foretold the latest ones",
       make_exponential_average_expert},
  };
  return table;
}

}  // namespace tier
