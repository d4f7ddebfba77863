// Trace files: workloads recorded to disk. docs/trace-format.md has the layout.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "sim/workload.h"

namespace tier::sim {

inline constexpr std::uint32_t kTraceVersion = 1;

struct TraceHeader {
  WorkloadInfo workload;
  // Tiers, CPU and clock of the machine it was recorded on, as the recorder knows them; free form.
  nlohmann::json machine = nlohmann::json::object();
  // Where it comes from: "recorder", "version", "command", "created" (RFC 3339), "seed", "packages", ….
  std::map<std::string, std::string> provenance;
  bool exact = false;      // counted, not estimated from samples
  bool has_stall = false;  // RegionDemand::stall was measured
};

// Writes to PATH.part and renames at finish(), so that a file with the final name is always whole. An
// existing PATH.part is an error: somebody may be writing it. A writer destroyed before finish() removes its
// part file; one that was killed, or could not write, leaves it, and open_trace() reads it as far as it goes.
class TraceWriter {
 public:
  virtual ~TraceWriter() = default;
  // Errors (kUsage): the interval contradicts the header (stream or target count, region index, order, not
  // finite, no duration); nothing is written then, and the writer goes on. Whether what has demand is
  // allocated is not looked at.
  virtual Result<void> append(const Interval& interval) = 0;
  // Regions and targets found since create(): the last header written wins. Regions may only grow.
  virtual Result<void> update(const WorkloadInfo& workload) = 0;
  virtual Result<void> finish() = 0;
};
Result<std::unique_ptr<TraceWriter>> create_trace(const std::filesystem::path& path,
                                                  const TraceHeader& header);

// Streams in constant memory: one chunk at a time. A truncated or corrupt file gives every whole chunk, then
// an error that names file, byte offset and what to do. info() is the last header written, from the start;
// intervals from before a target or stream was known have no computation and no demand of it. An interval
// with the demand of the one before shares its object.
class TraceReader : public Workload {
 public:
  virtual const TraceHeader& header() const = 0;
};
Result<std::unique_ptr<TraceReader>> open_trace(const std::filesystem::path& path);

}  // namespace tier::sim
