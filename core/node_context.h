// What a forecaster may know of the node besides the regions on it. One per tick; pure values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/topology.h"

namespace tier {

struct TierContext {
  int rank = 0;                    // 0 is the fastest
  Nanoseconds loaded_latency{};    // mean over its nodes; 0 while not known
  std::optional<Bytes> bandwidth;  // per second, all its nodes together
  Bytes total, free;
  int distance = 0;  // SLIT, from the nearest node with CPUs; 0 when not known
  // Bytes per second read and written, as counted at its memory; none where no node of it is counted.
  std::optional<double> used_bandwidth;
};

enum class NodeMetric : std::uint8_t {
  kMemoryPressureSome,  // PSI avg10, percent
  kMemoryPressureFull,  // alike
  kCpuPressureSome,     // alike
  kPower,               // watts, package
  kTemperature,         // degrees Celsius, package
  kFastBandwidthUsed,   // bytes per second
  kSlowBandwidthUsed,   // bytes per second, all tiers but the fastest
  kMigrated,            // bytes per second that we moved
  kRefaults,            // pages per second
  kFastFree,            // share of the fast tier, 0..1
  kPrefetch,            // share of the prefetchers that are on, 0..1
  kSampled,             // access samples per second
};
inline constexpr std::size_t kNodeMetrics = 12;
const char* to_string(NodeMetric);

struct NodeContext {
  std::vector<TierContext> tiers;                           // fastest first
  std::array<std::optional<double>, kNodeMetrics> metrics;  // by NodeMetric; none: no such sensor here
  std::optional<double>& operator[](NodeMetric m) { return metrics[static_cast<std::size_t>(m)]; }
  const std::optional<double>& operator[](NodeMetric m) const { return metrics[static_cast<std::size_t>(m)]; }
};

// Tiers from the topology with this tick's latencies, free bytes and used bandwidth; of the metrics the free
// share and, where the memory of those tiers is counted, the bandwidth used of the fastest tier and of all
// others. The latter is known only where every tier below the fastest is counted.
NodeContext context_of(const TierTopology& topology, const SystemState& system);

}  // namespace tier
