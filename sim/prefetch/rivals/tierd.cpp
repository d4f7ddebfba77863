#include <algorithm>
#include <numeric>

#include "prefetch/tuner/tuner.h"
#include "sim/prefetch/readahead.h"
#include "sim/prefetch/rivals/rivals.h"

namespace tier::sim {

// Settings are numbered as prefetch/controls/control.cpp makes them: hardware prefetchers fewer and fewer;
// sizes of read-ahead as they are.
std::unique_ptr<PrefetchPolicy> make_tierd(std::size_t scopes, std::size_t settings, std::uint64_t) {
  TunedControl control;
  control.order.resize(settings);
  std::iota(control.order.rbegin(), control.order.rend(), 0U);
  if (settings == std::size(kReadaheadKib))
    std::sort(control.order.begin(), control.order.end(),
              [](std::size_t a, std::size_t b) { return kReadaheadKib[a] < kReadaheadKib[b]; });
  return std::make_unique<PrefetchTuner>(TunerSettings{}, std::vector<TunedControl>(scopes, control));
}

}  // namespace tier::sim
