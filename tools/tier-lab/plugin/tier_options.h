// The plugin's arguments (key=value), as tier-lab writes them and the plugin reads them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/tier-lab/plugin/llc_model.h"
#include "tools/tier-lab/plugin/memory_model.h"

namespace tier::lab {

// Half-open range of guest physical memory that belongs to one node, bytes.
struct PhysicalRange {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::size_t node = 0;
};

struct PluginOptions {
  std::string out;          // file for events
  bool count = true;        // between the guest's marks
  std::uint64_t shift = 3;  // of -icount: an instruction is 1 << shift ns
  bool charge = false;      // waiting for memory takes time
  bool own_clocks = false;  // vCPUs do not pay for each other's time
  LlcGeometry llc;
  std::vector<PhysicalRange> ranges;
  CoreSpec core;
  std::vector<TierSpec> tiers;                  // by node
  std::vector<std::vector<Latency>> latencies;  // by vCPU and node
};

// Begins the plugin's message when this QEMU cannot let waiting take time; what is missing follows.
inline constexpr const char* kClockRefusal = "the clock cannot be charged: ";

// The arguments after the plugin's path, each with a comma before it.
std::string plugin_arguments(const PluginOptions& options);

// Takes one argument into `options`; false when the key or the value is not understood.
bool parse_plugin_argument(std::string_view argument, PluginOptions& options);

// What is wrong with the options as a whole; empty when they make a run. `vcpus`: of the machine.
std::string plugin_options_problem(const PluginOptions& options, std::size_t vcpus);

}  // namespace tier::lab
