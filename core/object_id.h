// Target ids of shared memory. They come from the upper half of the numbers, so that they can never meet the
// ids of processes, which count up from 1.
#pragma once

#include "core/units.h"

namespace tier {

inline constexpr std::uint32_t kFirstObjectId = 0x80000000;

constexpr bool is_object(TargetId id) { return id.value >= kFirstObjectId; }

}  // namespace tier
