// One interval as bytes (docs/trace-format.md, "Intervals"). Private to the trace.
#pragma once

#include <optional>
#include <string>

#include "sim/trace/bytes.h"
#include "sim/workload.h"

namespace tier::sim {

// `repeats`: its demand is that of the interval before.
void encode_interval(const Interval& interval, bool repeats, std::string& out);

// Reads what encode_interval wrote. Targets and streams that were not known yet when it was written get no
// computation and no demand. `last`, null at first, is the demand of the interval before, which a repeat
// shares. None where the bytes make no sense; values are not judged (trace_check.h).
std::optional<Interval> decode_interval(ByteReader& bytes, const WorkloadInfo& info,
                                        const std::shared_ptr<const Demand>& last);

}  // namespace tier::sim
