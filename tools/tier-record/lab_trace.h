// A lab run's exact counts as a trace, so that the simulator can replay the lab's scenarios.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "core/result.h"
#include "tools/tier-lab/record.h"
#include "tools/tier-record/convert.h"

namespace tier::record {

// `result` is the run's result.json. One target, all of whose regions are allocated in address order before
// the first interval, since workloads touch everything before the count starts; one interval for each period.
// Compute is what the period's length leaves beside the stall on the nodes that served. Misses outside the
// workload's mappings do not count. `threads` of the workload ran. With the waiting clock demand is what was
// charged: each region's wait over the latency that served it, one stream whose misses are waited for one by
// one, so that a replay waits as the lab did wherever the region lies; with the clock of instructions it is
// all misses, in streams whose overlap is the reference's. Errors: nothing counted, or the result lacks what
// is needed.
Result<Trace> lab_trace(const nlohmann::json& result, const lab::RunRecord& record, double threads,
                        const Reference& reference);

// Reads FOLDER/result.json and FOLDER/events.jsonl.
Result<Trace> read_lab_trace(const std::string& folder, double threads, const Reference& reference);

}  // namespace tier::record
