#include <algorithm>
#include <charconv>

#include "sim/prefetch/rivals/rivals.h"

namespace tier::sim {
namespace {

std::unique_ptr<PrefetchPolicy> make_default(std::size_t scopes, std::size_t, std::uint64_t) {
  return make_static_setting(scopes, 0);
}

constexpr PrefetchRivalEntry kRivals[] = {
    {"default", "every scope as it was found", make_default},
    {"two-threshold", "all off above 80 % use of a tier, on below 60 %, as Limoncello", make_two_threshold},
    {"epsilon-greedy", "a selfish bandit for each scope, as dPF's", make_epsilon_greedy},
    {"tierd", "the daemon's tuner", make_tierd},
    {"oracle", "knows the model: the best static settings of each phase, by kind of work", nullptr},
};

}  // namespace

std::span<const PrefetchRivalEntry> prefetch_rivals() { return kRivals; }

Result<PrefetchRival> prefetch_rival_called(const std::string& name) {
  std::string known = "static:K";
  for (const PrefetchRivalEntry& entry : kRivals) {
    if (name == entry.name) return PrefetchRival{name, entry.make == nullptr, entry.make};
    known += std::string(", ") + entry.name;
  }
  const std::string prefix = "static:";
  std::size_t setting = 0;
  const char* const end = name.data() + name.size();
  if (name.starts_with(prefix) && name.size() > prefix.size()) {
    const auto parsed = std::from_chars(name.data() + prefix.size(), end, setting);
    if (parsed.ec == std::errc{} && parsed.ptr == end)
      return PrefetchRival{name, false, [setting](std::size_t scopes, std::size_t settings, std::uint64_t) {
                             return make_static_setting(scopes, std::min(setting, settings - 1));
                           }};
  }
  return fail(ErrorKind::kUsage, "no prefetch policy is called " + name, "one of " + known);
}

}  // namespace tier::sim
