#include "platform/linux/sampling/damon_rate.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace tier {
namespace {

constexpr std::uint64_t kRegionBytes = 2U << 20;

double rate_of(const DamonObservation& seen) {
  const double n = seen.samplings;
  // All of n hit: the share is at least that of n - 1/2 of n, the usual correction.
  const double hits = std::min(static_cast<double>(seen.hits), n - 0.5);
  return -std::log1p(-hits / n) / seen.window;
}

}  // namespace

double damon_rate(std::span<const DamonObservation> observations) {
  const DamonObservation* best = nullptr;
  for (const DamonObservation& seen : observations) {
    if (seen.samplings == 0 || seen.window <= 0) continue;
    const bool saturated = seen.hits >= seen.samplings;
    if (best == nullptr) {
      best = &seen;
      continue;
    }
    const bool best_saturated = best->hits >= best->samplings;
    if (best_saturated != saturated)
      best = saturated ? best : &seen;
    else if (saturated ? seen.window < best->window : seen.window > best->window)
      best = &seen;
  }
  return best == nullptr ? 0 : rate_of(*best);
}

std::vector<AddressRange> damon_spans(std::span<const Mapping> mappings, std::uint32_t maximum) {
  for (std::uint64_t span = kRegionBytes;; span *= 2) {
    std::map<Address, AddressRange> spans;  // by aligned start
    for (const Mapping& mapping : mappings) {
      if (mapping.range.empty() || !(mapping.readable || mapping.writable)) continue;
      for (Address start = mapping.range.start / span * span; start < mapping.range.end; start += span) {
        const AddressRange part = mapping.range.intersect({start, start + span});
        AddressRange& whole = spans.try_emplace(start, part).first->second;
        whole = {std::min(whole.start, part.start), std::max(whole.end, part.end)};
      }
    }
    if (spans.size() > std::max(maximum, 1U) && span < (std::uint64_t{1} << 47)) continue;
    std::vector<AddressRange> result;
    result.reserve(spans.size());
    for (const auto& [start, range] : spans) result.push_back(range);
    return result;
  }
}

}  // namespace tier
