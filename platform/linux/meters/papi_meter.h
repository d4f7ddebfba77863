// Work done: instructions and cycles in user mode by CPU, through PAPI.
#pragma once

#include <functional>
#include <string>

#include "core/clock.h"
#include "platform/linux/meters/file_meters.h"
#include "platform/linux/meters/papi_functions.h"

namespace tier {

// On every CPU that is online, also those that come later; one that cannot be counted is left out. Events are
// not multiplexed (PAPI asks the kernel to pin them), so readings carry no times. kUnsupported: PAPI or a PMU
// is missing, with PAPI's own reason.
MeterResult make_papi_meter(const Clock& clock, const std::string& root = "",
                            const std::function<Result<PapiFunctions>()>& load = load_papi);

}  // namespace tier
