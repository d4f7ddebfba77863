// Memory of machines that exist, by name, with where its figures come from.
#pragma once

#include <string>
#include <vector>

#include "tools/tier-lab/plugin/memory_model.h"

namespace tier::lab {

struct PresetNode {
  std::uint64_t read_latency_ns = 0;  // unloaded, of a dependent load
  std::uint64_t write_latency_ns = 0;
  std::uint64_t read_bandwidth_mib_s = 0;  // what can be reached, not the pins' peak
  std::uint64_t write_bandwidth_mib_s = 0;
  std::uint64_t bank_ns = 40;
};

struct MemoryPreset {
  const char* name;
  std::vector<PresetNode> nodes;  // in the order of topology.node
  CoreSpec core;
  std::size_t fast_node = 0;  // the tier that is worth filling first
};

// All presets; each stands beside its sources in presets.cpp.
const std::vector<MemoryPreset>& memory_presets();
// nullptr when there is none of this name.
const MemoryPreset* find_preset(const std::string& name);

}  // namespace tier::lab
