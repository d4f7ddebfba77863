// Who is compared on the model of prefetchers: rules of others, bounds, and tierd's own tuner.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>

#include "core/result.h"
#include "prefetch/tuner/policy.h"

namespace tier::sim {

struct PrefetchRivalEntry {
  const char* name;
  const char* description;
  // Of some scopes, each with that many settings. None: it needs to know the model (the oracle), and is run
  // by who knows it.
  std::unique_ptr<PrefetchPolicy> (*make)(std::size_t scopes, std::size_t settings, std::uint64_t seed);
};

std::unique_ptr<PrefetchPolicy> make_static_setting(std::size_t scopes, std::size_t setting);
std::unique_ptr<PrefetchPolicy> make_two_threshold(std::size_t scopes, std::size_t settings,
                                                   std::uint64_t seed);
std::unique_ptr<PrefetchPolicy> make_epsilon_greedy(std::size_t scopes, std::size_t settings,
                                                    std::uint64_t seed);
std::unique_ptr<PrefetchPolicy> make_tierd(std::size_t scopes, std::size_t settings, std::uint64_t seed);

std::span<const PrefetchRivalEntry> prefetch_rivals();

struct PrefetchRival {
  std::string name;
  bool oracle = false;
  std::function<std::unique_ptr<PrefetchPolicy>(std::size_t scopes, std::size_t settings, std::uint64_t seed)>
      make;
};
// By a name of the table, or static:K (setting K for every scope, or the last where there are fewer). kUsage
// names what there is.
Result<PrefetchRival> prefetch_rival_called(const std::string& name);

}  // namespace tier::sim
