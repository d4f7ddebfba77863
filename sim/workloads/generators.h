// Workload generators by name. docs/workloads.md says what each imitates.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "sim/workload.h"
#include "sim/workloads/pattern.h"

namespace tier::sim {

struct GeneratorEntry {
  const char* name;
  const char* description;            // one sentence
  std::vector<Parameter> parameters;  // the common ones first
  MakePattern make;
};

// Every generator there is. A new one is one file and one line in generators.cpp.
std::span<const GeneratorEntry> generator_table();

// "gups-moving:footprint=10GiB,hot=0.1,period=20s,seed=3", or "trace:PATH" for a recorded one. Errors
// (kUsage) list what there is. The factory gives the same bytes each time.
Result<WorkloadFactory> parse_workload(const std::string& spec);

// Several side by side, " + " between them; each runs at its own pace.
Result<std::vector<WorkloadFactory>> parse_workloads(const std::string& spec);

// The same workloads with other draws: `seed` - 1 is added to every generator's own seed, so that generators
// side by side stay as different as they are. Recordings, and what is no workload, stay as they are. `seed`
// from 1 up.
std::string reseeded(const std::string& spec, std::uint64_t seed);

}  // namespace tier::sim
