// Which meters this machine has: one explicit table.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "platform/api/meter.h"

namespace tier {

struct MeterSettings {
  std::string root;         // "" but in tests: what /proc, /sys and the kernel's type information are below
  std::string pcm_address;  // "127.0.0.1:9738", of Intel PCM's sensor server; empty: not asked
};

// All that can be used here, in the order of the table: of two that give the same signal the first counts
// (prefetch/meters/rates.h). `decisions` has one entry for each row of the table, with the reason. The clock
// must outlive them.
std::vector<std::unique_ptr<Meter>> start_meters(const Clock& clock, const MeterSettings& settings,
                                                 std::vector<MeterDecision>& decisions);

}  // namespace tier
