// How far memory is from CPUs: what is known of one pair of nodes tells of the others. Private to core.
#pragma once

#include <vector>

#include "core/topology.h"

namespace tier {

// ACPI: 10 is local, 255 is unreachable.
constexpr int kLocalDistance = 10;
constexpr int kUnreachable = 255;

// SLIT distance from nodes[from] to nodes[to]; kUnreachable where it is not known.
int slit_distance(const std::vector<NumaNode>& nodes, std::size_t from, std::size_t to);
// From the nearest node with CPUs; kUnreachable where none is known.
int nearest_cpu_distance(const std::vector<NumaNode>& nodes, std::size_t memory);

// One path from every node with CPUs to every online node with memory. What `measured` has is believed; what
// it lacks is scaled by SLIT from the nearest path that is known. The shortest path to a node has exactly its
// read_latency.
std::vector<MemoryPath> memory_paths(const std::vector<NumaNode>& nodes,
                                     const std::vector<MemoryPath>& measured);

}  // namespace tier
