// Which meters this machine has: one explicit table.
#pragma once

#include <string>
#include <vector>

#include "core/clock.h"
#include "platform/api/meter.h"

namespace tier {

struct MeterSettings {
  std::string root;         // "" but in tests: what /proc, /sys and the kernel's type information are below
  std::string pcm_address;  // "127.0.0.1:9738", of Intel PCM's sensor server; empty: none is asked
};

// Every meter there is, in order of precedence: of two that give the same signal the first counts. Nothing
// is started. The clock must outlive the table and its meters.
std::vector<MeterEntry> meter_table(const Clock& clock, const MeterSettings& settings);

}  // namespace tier
