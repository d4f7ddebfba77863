// The header of a trace as JSON (docs/trace-format.md, "Header"). Private to the trace.
#pragma once

#include <string>
#include <string_view>

#include "sim/trace/trace.h"

namespace tier::sim {

// The file may be anybody's: longer or deeper JSON is not looked at.
inline constexpr std::size_t kMostJsonBytes = 16U << 20;
inline constexpr int kDeepestJson = 32;

// Bytes that are no UTF-8 become U+FFFD.
std::string to_json_text(const TraceHeader& header);
std::string to_json_text(const WorkloadInfo& workload);

// Sound by trace_check.h; errors (kFailed) say what is wrong. Unknown fields are passed over.
Result<TraceHeader> parse_header(std::string_view text);
Result<WorkloadInfo> parse_workload(std::string_view text);

}  // namespace tier::sim
