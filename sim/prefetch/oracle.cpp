#include "sim/prefetch/oracle.h"

#include <algorithm>

namespace tier::sim {

std::vector<std::size_t> uniform_settings(const PrefetchModel& model, std::size_t setting) {
  return std::vector<std::size_t>(model.scopes(), setting);
}

std::vector<std::size_t> best_settings(const PrefetchModel& model, double intensity) {
  const std::vector<std::size_t>& kinds = model.kinds();
  const std::size_t count = kinds.empty() ? 0 : *std::max_element(kinds.begin(), kinds.end()) + 1;
  std::vector<std::size_t> of_kind(count, 0), settings(model.scopes()), best = uniform_settings(model, 0);
  double most = model.solve(best, intensity).progress;
  for (;;) {
    // The next one, counting in digits of base settings().
    std::size_t digit = 0;
    while (digit < count && ++of_kind[digit] == model.settings()) of_kind[digit++] = 0;
    if (digit == count) return best;
    for (std::size_t i = 0; i < settings.size(); ++i) settings[i] = of_kind[kinds[i]];
    const double progress = model.solve(settings, intensity).progress;
    if (progress > most) most = progress, best = settings;
  }
}

}  // namespace tier::sim
