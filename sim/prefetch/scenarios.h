// What the model is asked to do: by an explicit table, drawn anew for every seed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "sim/prefetch/model.h"

namespace tier::sim {

struct PrefetchPhase {
  std::size_t begin = 0, intervals = 0;
  std::shared_ptr<const PrefetchModel> model;
};

// What one seed of a scenario asks, interval by interval. Every phase has the same scopes and settings.
struct PrefetchCourse {
  std::vector<PrefetchPhase> phases;  // one after the other, at least one
  std::vector<double> intensity;      // of each interval: a load that drifts
  std::size_t scopes = 0, settings = 0;
};

struct PrefetchScenario {
  const char* name;
  const char* description;  // what is drawn, and what holds of every draw
  // kFailed: no draw that keeps what the description says.
  Result<PrefetchCourse> (*draw)(std::uint64_t seed, std::size_t intervals);
};

std::span<const PrefetchScenario> prefetch_scenarios();
// kUsage names what there is.
Result<PrefetchScenario> prefetch_scenario_called(const std::string& name);

constexpr std::size_t kPrefetchScopes = 64;  // cores of the hardware scenarios

}  // namespace tier::sim
