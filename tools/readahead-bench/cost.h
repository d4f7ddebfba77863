// What the file-demand meter takes from the programs that it counts.
#pragma once

#include <string>

#include "core/clock.h"
#include "core/result.h"

namespace tier {

// Prints ns of CPU time of a read(2) of 4 KiB and of a fault on a mapped file, with and without the meter in
// turn (medians of 31), of a file in `folder` (empty: the temporary one) that is in memory. kUnsupported,
// kPermission: as the meter's start().
Result<void> print_cost(const std::string& folder, const Clock& clock);

}  // namespace tier
