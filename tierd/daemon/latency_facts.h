// Which of several latencies of a node is believed. Pure.
#pragma once

#include <map>
#include <vector>

#include "core/topology.h"
#include "tierd/daemon/latency_tracker.h"

namespace tier {

// Memory answers up to four times later when it is saturated than when it is idle. Two figures that differ by
// more do not speak of the same memory.
inline constexpr double kMostLoad = 5;
// No main memory answers a dependent load sooner; last-level caches do.
inline constexpr Nanoseconds kLeastMemory{20};

// Sets latency and bandwidth of each node by the mode, by what the probe measured (node -> its smallest
// reading) and by the administrator's word. Where the probe measured some nodes alone, firmware's figures of
// the others are scaled by how the two differ on those that have both, so that all stay comparable. What
// cannot be is noted in the node's doubts, with both figures.
void settle_latencies(std::vector<NumaNode>& nodes, const LatencySettings& settings,
                      const std::map<NodeId, Nanoseconds>& probed);

}  // namespace tier
