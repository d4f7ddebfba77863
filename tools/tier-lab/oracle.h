// What knowing every period ahead would have been worth to the program: the bound that a tool's speed is held
// against.
#pragma once

#include <cstdint>
#include <vector>

#include "tools/tier-lab/record.h"
#include "tools/tier-lab/scenario.h"

namespace tier::lab {

struct OracleRun {
  std::vector<double> progress;  // the program's operations in each period
  std::uint64_t moves = 0;       // regions moved, both directions together

  double total() const;
};

// A run on the waiting clock, told anew with the oracle's placement. Each region's waits are those that were
// counted, times the latency of where the oracle has it over that of the nodes that served it; what is saved
// goes into more operations at the period's own pace. The fast tier begins with the `capacity` regions that
// the first period waits for most; a region is swapped in at a period's start where that saves more than two
// moves take, each 2 MiB at the bandwidth of the slower node. `regions` and `progress` have one entry a
// period.
OracleRun oracle_run(const Scenario& scenario, const std::vector<std::vector<RegionCounts>>& regions,
                     const std::vector<double>& progress, std::size_t capacity);

}  // namespace tier::lab
