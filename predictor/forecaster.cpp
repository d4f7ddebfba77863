#include "predictor/forecaster.h"

#include <array>

#include "predictor/baselines.h"
#include "predictor/exponential_average.h"
#include "predictor/switch.h"

namespace tier {

std::span<const ForecasterEntry> forecaster_table() {
  static const std::array<ForecasterEntry, 5> table = {{
      {"last-value", "what a region did in the last tick, it will do again", make_last_value},
      {"exponential-average", "averages over 2 to 50 ticks, mixed by how well each foretold the latest ones",
       [] { return make_exponential_average(); }},
      {"frequency-decay", "counts that halve in 34 ticks", make_frequency_decay},
      {"switch", "follows whichever of a dozen experts foretold the latest ticks best", make_switch},
      {"learned", "the switch and a trained network over it; without a model the switch alone", make_switch},
  }};
  return table;
}

std::unique_ptr<Forecaster> make_forecaster(const std::string& name) {
  for (const ForecasterEntry& entry : forecaster_table()) {
    if (name == entry.name) return entry.make();
  }
  return nullptr;
}

}  // namespace tier
