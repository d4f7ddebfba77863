#include "sim/machine/alias_table.h"

#include <numeric>

namespace tier::sim {

void AliasTable::build(std::span<const double> weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  const double scale = static_cast<double>(weights.size()) / sum;
  slots_.resize(weights.size());
  // What each index still needs of a slot; those that need more than one fill up those that need less.
  std::vector<double> needed(weights.size());
  std::vector<std::uint32_t> less, more;
  for (std::uint32_t i = 0; i < weights.size(); ++i) {
    needed[i] = weights[i] * scale;
    (needed[i] < 1 ? less : more).push_back(i);
    slots_[i] = {~0U, i};
  }
  while (!less.empty() && !more.empty()) {
    const std::uint32_t small = less.back(), large = more.back();
    less.pop_back();
    slots_[small] = {static_cast<std::uint32_t>(needed[small] * 0x1p32), large};
    needed[large] -= 1 - needed[small];
    if (needed[large] >= 1) continue;
    more.pop_back();
    less.push_back(large);
  }
  // What is left over needs a whole slot, but for rounding.
}

}  // namespace tier::sim
