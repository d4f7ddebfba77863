// What each policy's file offers to the table.
#pragma once

#include "sim/policies/policy.h"

namespace tier::sim {

PolicyEntry no_tiering();
PolicyEntry interleave();
PolicyEntry static_oracle();
PolicyEntry epoch_oracle();
PolicyEntry numa_balancing();
PolicyEntry tpp();
PolicyEntry damos();
PolicyEntry hemem();
PolicyEntry memtis();
PolicyEntry arms();
PolicyEntry colloid();
PolicyEntry alto();
PolicyEntry pact();

}  // namespace tier::sim
