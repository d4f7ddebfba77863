// The sample of the corpus in tests/traces: each trace is what the manifest says.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sim/trace/trace.h"

namespace tier::record {
namespace {

const std::string kFolder = TIER_SAMPLE_TRACES;

std::vector<nlohmann::json> entries() {
  std::ifstream file(kFolder + "/manifest.json");
  return nlohmann::json::parse(file).at("traces");
}

struct Counted {
  std::size_t intervals = 0;
  std::int64_t allocated = 0, most_allocated = 0;
  double misses = 0;
};

Counted count(sim::TraceReader& reader) {
  Counted counted;
  while (true) {
    const Result<std::optional<sim::Interval>> interval = reader.next();
    EXPECT_TRUE(interval) << interval.error().text();
    if (!interval || !*interval) return counted;
    ++counted.intervals;
    for (const sim::RegionEvent& event : (*interval)->events)
      counted.allocated += event.change == sim::RegionChange::kAllocate ? std::int64_t{event.count}
                                                                        : -std::int64_t{event.count};
    counted.most_allocated = std::max(counted.most_allocated, counted.allocated);
    for (const auto& stream : (*interval)->demand->streams)
      for (const sim::RegionDemand& region : stream)
        counted.misses += static_cast<double>(region.loads) + static_cast<double>(region.stores);
  }
}

TEST(SampleTraces, AreWhatTheManifestSays) {
  ASSERT_GE(entries().size(), 3U);
  for (const nlohmann::json& entry : entries()) {
    SCOPED_TRACE(entry.at("name").get<std::string>());
    auto reader = sim::open_trace(kFolder + "/" + entry.at("file").get<std::string>());
    ASSERT_TRUE(reader) << reader.error().text();
    const sim::TraceHeader& header = (*reader)->header();
    EXPECT_TRUE(header.exact);
    EXPECT_EQ(header.workload.name, entry.at("name").get<std::string>());
    EXPECT_EQ(header.workload.regions, entry.at("regions").get<std::uint32_t>());
    EXPECT_EQ(header.provenance.at("recorder"), "tier-record run");
    const Counted counted = count(**reader);
    EXPECT_EQ(counted.intervals, entry.at("intervals").get<std::size_t>());
    EXPECT_NEAR(counted.misses, entry.at("misses").get<double>(), 1);
    EXPECT_GE(counted.most_allocated, 50) << "too small to be of use";
    EXPECT_LE(counted.most_allocated, std::int64_t{header.workload.regions});
  }
}

}  // namespace
}  // namespace tier::record
