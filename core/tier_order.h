// What nodes are ranked by, and which ranks rest on too little. Private to core.
#pragma once

#include <string>
#include <vector>

#include "core/topology.h"

namespace tier {

// Completes latencies and bandwidths that a node lacks by those of nodes of its kind, latencies by distance
// where there is none; each with a doubt. `nodes` are all nodes: SLIT rows are indexed by position.
void fill_missing_facts(std::vector<NumaNode>& nodes);

struct TierMerit {
  double distance = 0;  // smaller is faster
  std::string doubt;  // not empty: its place is not known, and `distance` is that of the memory it may equal
};

// One for each of `nodes` (of all of them; those without memory get 0). Facts must have been filled.
std::vector<TierMerit> tier_merits(const std::vector<NumaNode>& nodes, double same_tier);

bool has_usable_memory(const NumaNode& node);

}  // namespace tier
