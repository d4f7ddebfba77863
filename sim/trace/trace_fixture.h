// A folder of its own for each test, and traces small enough to damage byte by byte.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sim/trace/chunk.h"
#include "sim/trace/trace.h"

namespace tier::sim {

class TraceTest : public testing::Test {
 protected:
  TraceTest();
  ~TraceTest() override;
  std::filesystem::path file(const char* name = "a.trace") const { return folder_ / name; }

 private:
  std::filesystem::path folder_;
};

// Two targets, three streams, eight regions.
TraceHeader sample_header();
std::shared_ptr<const Demand> sample_demand(float loads);
// Still phases of seven intervals each, two allocations and a release.
std::vector<Interval> sample_intervals(std::size_t count);
std::string write_sample(const std::filesystem::path& path, std::size_t count);  // its bytes

bool same(const WorkloadInfo& a, const WorkloadInfo& b);
bool same(const Interval& a, const Interval& b);
bool is_prefix(const std::vector<Interval>& part, const std::vector<Interval>& whole);

// All that a file gives; no header where it does not open.
struct Content {
  std::optional<TraceHeader> header;
  std::vector<Interval> intervals;
  std::optional<Error> error;
};
Content read_trace(const std::filesystem::path& path);

std::string slurp(const std::filesystem::path& path);
void spill(const std::filesystem::path& path, const std::string& bytes);

// A file whose checksums are right, whatever the payloads say.
using Payloads = std::vector<std::pair<ChunkType, std::string>>;
void craft(const std::filesystem::path& path, const Payloads& chunks);

}  // namespace tier::sim
