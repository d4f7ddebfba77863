#include "sim/trace/trace_fixture.h"

#include <algorithm>
#include <fstream>
#include <random>
#include <sstream>

#include "sim/trace/trace_json.h"

namespace tier::sim {

TraceTest::TraceTest()
    : folder_(std::filesystem::path(testing::TempDir()) /
              ("tier-trace-" + std::to_string(std::random_device{}()))) {
  std::filesystem::create_directories(folder_);
}

TraceTest::~TraceTest() { std::filesystem::remove_all(folder_); }

TraceHeader sample_header() {
  TraceHeader header;
  header.workload.name = "sample";
  header.workload.regions = 8;
  header.workload.targets = {{"server", 4}, {"batch ☕", 1.5}};
  header.workload.streams = {{"hot set", 0, 1, 0}, {"sequential", 0, 8.25, 0.9}, {"chase", 1, 1, 0}};
  header.machine = {{"tiers", {{{"rank", 0}, {"latency_ns", 80}}, {{"rank", 1}, {"latency_ns", 240}}}}};
  header.provenance = {{"recorder", "test"}, {"seed", "7"}};
  header.has_stall = true;
  return header;
}

std::shared_ptr<const Demand> sample_demand(float loads) {
  Demand demand;
  demand.streams = {{{1, loads, 0, 1e-3F}, {2, 10, 20, 0}, {7, 0.5F, 0, 0}}, {}, {{0, 0, 3, 0}}};
  return std::make_shared<const Demand>(std::move(demand));
}

std::vector<Interval> sample_intervals(std::size_t count) {
  std::vector<Interval> intervals;
  for (std::size_t i = 0; i < count; ++i) {
    Interval interval;
    interval.duration = Nanoseconds(1'000'000'000 + static_cast<std::int64_t>(i));
    interval.compute = {0.25 * static_cast<double>(i), 1.0 / 3};
    if (i == 0)
      interval.events = {{RegionChange::kAllocate, 0, 0, 7, 0x7f0000000000, PageKind::kHuge},
                         {RegionChange::kAllocate, 1, 7, 1, 0x200000, PageKind::kSmall}};
    if (i == 5) interval.events = {{RegionChange::kRelease, 0, 3, 2, 0x7f0000600000, PageKind::kUnknown}};
    const bool still = i % 7 != 0;
    interval.demand = still ? intervals.back().demand : sample_demand(100 + static_cast<float>(i));
    intervals.push_back(std::move(interval));
  }
  return intervals;
}

std::string write_sample(const std::filesystem::path& path, std::size_t count) {
  auto writer = create_trace(path, sample_header());
  EXPECT_TRUE(writer) << writer.error().text();
  for (const Interval& interval : sample_intervals(count)) {
    const auto done = (*writer)->append(interval);
    EXPECT_TRUE(done) << done.error().text();
  }
  const auto done = (*writer)->finish();
  EXPECT_TRUE(done) << done.error().text();
  return slurp(path);
}

bool same(const WorkloadInfo& a, const WorkloadInfo& b) { return to_json_text(a) == to_json_text(b); }

bool same(const Interval& a, const Interval& b) {
  return a.duration == b.duration && a.compute == b.compute && a.events == b.events && *a.demand == *b.demand;
}

bool is_prefix(const std::vector<Interval>& part, const std::vector<Interval>& whole) {
  return part.size() <= whole.size() && std::equal(part.begin(), part.end(), whole.begin(),
                                                   [](const auto& a, const auto& b) { return same(a, b); });
}

Content read_trace(const std::filesystem::path& path) {
  Content content;
  auto reader = open_trace(path);
  if (!reader) {
    content.error = reader.error();
    return content;
  }
  content.header = (*reader)->header();
  for (;;) {
    auto interval = (*reader)->next();
    if (!interval) content.error = interval.error();
    if (!interval || !*interval) return content;
    content.intervals.push_back(std::move(**interval));
  }
}

std::string slurp(const std::filesystem::path& path) {
  std::ostringstream bytes;
  bytes << std::ifstream(path, std::ios::binary).rdbuf();
  return bytes.str();
}

void spill(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

void craft(const std::filesystem::path& path, const Payloads& chunks) {
  auto file = ChunkWriter::create(path);
  ASSERT_TRUE(file) << file.error().text();
  for (const auto& [type, payload] : chunks) ASSERT_TRUE((*file)->write(type, payload));
  ASSERT_TRUE((*file)->finish());
}

}  // namespace tier::sim
