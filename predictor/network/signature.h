// A workload's signature: what it is like in 64 bits, so that what was learnt of it is found again in a later
// run.
//
// Each of the workload numbers (workload_windows.h), averaged over the last 64 ticks, as one of 16 levels:
// four bits each. A number that lies between two levels falls now here, now there, so signatures are compared
// by how many levels they are apart, not by equality.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "predictor/model/signature_store.h"
#include "predictor/network/workload_windows.h"

namespace tier {

// None until kWindows windows are known.
std::optional<std::uint64_t> workload_signature(const WorkloadWindows& windows);

// Levels apart, summed over all numbers.
int signature_distance(std::uint64_t a, std::uint64_t b);
inline constexpr int kSameWorkload = 6;  // at most so far apart

// The entry nearest to the signature, the one used last of several; null where none is of the same workload.
const SignatureEntry* nearest_entry(std::span<const SignatureEntry> entries, std::uint64_t signature);

}  // namespace tier
