// What makes a header and an interval sound, for the writer and the reader alike. Private to the trace.
// Errors are kUsage and say what is wrong; they do not know of files.
#pragma once

#include "sim/trace/trace.h"

namespace tier::sim {

// Consumers size tables by these; a hostile file must not make them huge.
inline constexpr std::uint32_t kMostRegions = 1U << 28;  // 512 TiB of 2 MiB regions
inline constexpr std::size_t kMostTargets = 1U << 16;
inline constexpr std::size_t kMostStreams = 1U << 16;
inline constexpr std::size_t kLongestName = 1024;  // bytes
inline constexpr std::size_t kMostProvenance = 256;
inline constexpr std::size_t kLongestProvenance = 16384;

Result<void> check(const WorkloadInfo& info);
Result<void> check(const TraceHeader& header);
// `later` may only add to `now`.
Result<void> check_growth(const WorkloadInfo& now, const WorkloadInfo& later);
// Duration, computation and events.
Result<void> check_work(const WorkloadInfo& info, const Interval& interval);
Result<void> check_demand(const WorkloadInfo& info, bool has_stall, const Demand& demand);

}  // namespace tier::sim
