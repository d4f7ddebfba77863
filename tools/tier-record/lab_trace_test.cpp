#include "tools/tier-record/lab_trace.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace tier::record {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// 1 s periods, nodes of 100 and 300 ns; the workload has regions 100 and 101 mapped.
json result() {
  return {{"schema", "tier-lab.result/1"},
          {"mode", "measure"},
          {"scenario", "demo"},
          {"tool", "none"},
          {"kernel", "6.12"},
          {"seed", 5},
          {"period_s", 1.0},
          {"machine", json::object()},
          {"nodes", {{{"read_latency_ns", 100}}, {{"read_latency_ns", 300}}}}};
}

const std::vector<std::string> kEvents = {
    R"({"guest":"tick","index":0,"maps":[[209715200,213909504]]})",
    R"({"plugin":"period","index":0,"nodes":[[9,0,0,0],[9,0,0,0]],"regions":[[101,0,2000000],[999,5,5]],)"
    R"("kinds":[[1000000,200000,800000,0],[10,0,0,0]]})",
    R"({"plugin":"period","index":1,"nodes":[[9,0,0,0],[9,0,0,0]],"regions":[[100,1000000,0]],)"
    R"("kinds":[[1000000,0,0,0]]})"};

lab::RunRecord record_of(const std::vector<std::string>& events) {
  lab::RunRecord record;
  for (const std::string& line : events) EXPECT_TRUE(lab::accept_event(line, record)) << line;
  return record;
}

Reference reference() {
  Reference made;
  made.parallelism = 2;
  made.store_wait = 0.5;
  return made;
}

TEST(LabTrace, HasTheWorkloadsRegionsAndKinds) {
  const Result<Trace> trace = lab_trace(result(), record_of(kEvents), 1, reference());
  ASSERT_TRUE(trace) << trace.error().text();
  EXPECT_EQ(trace->header.workload.regions, 2U) << "region 999 lies outside the workload's mappings";
  EXPECT_EQ(trace->header.provenance.at("scenario"), "demo");
  ASSERT_EQ(trace->intervals.size(), 2U);
  ASSERT_EQ(trace->intervals[0].events.size(), 1U)
      << "everything is allocated at the start, in address order";
  EXPECT_EQ(trace->intervals[0].events[0].count, 2U);
  EXPECT_EQ(trace->intervals[0].events[0].address, 209715200U);
  EXPECT_TRUE(trace->intervals[1].events.empty());
  EXPECT_EQ(trace->intervals[0].demand->streams[0],
            (std::vector<sim::RegionDemand>{{1, 1000000, 200000, 0}}));
  EXPECT_EQ(trace->intervals[0].demand->streams[1], (std::vector<sim::RegionDemand>{{1, 800000, 0, 0}}));
}

TEST(LabTrace, AnIntervalIsAPeriodAndComputeIsWhatItsStallLeaves) {
  const Result<Trace> trace = lab_trace(result(), record_of(kEvents), 1, reference());
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->intervals[0].duration, std::chrono::seconds(1));
  // Node 1: 1.1 M random misses two at a time, and a tenth of 0.8 M sequential ones eight at a time.
  EXPECT_NEAR(trace->intervals[0].compute[0], 1 - 1.1e6 * 300e-9 / 2 - 0.8e6 * 0.1 * 300e-9 / 8, 1e-9);
  EXPECT_NEAR(trace->intervals[1].compute[0], 1 - 1e6 * 100e-9 / 2, 1e-9) << "node 0 served";
  const Result<Trace> two = lab_trace(result(), record_of(kEvents), 2, reference());
  EXPECT_NEAR(two->intervals[1].compute[0], 2 - 1e6 * 100e-9 / 2, 1e-9);
}

TEST(LabTrace, EventsWithoutKindsAreRandomWithTheNodesShareOfStores) {
  const Result<Trace> trace = lab_trace(
      result(),
      record_of(
          {R"({"plugin":"period","index":0,"nodes":[[300,100,0,0],[0,0,7,7]],"regions":[[101,40,60]]})"}),
      1, reference());
  ASSERT_TRUE(trace);
  EXPECT_EQ(trace->intervals[0].demand->streams[0], (std::vector<sim::RegionDemand>{{0, 75, 25, 0}}));
  EXPECT_TRUE(trace->intervals[0].demand->streams[1].empty());
}

TEST(LabTrace, WithTheWaitingClockDemandIsWhatWasCharged) {
  // Region 101 waited 0.2 s for misses of which half came from each node: 1 M at 200 ns in the mean.
  const Result<Trace> trace = lab_trace(
      result(),
      record_of({R"({"plugin":"period","index":0,"nodes":[[9,0,0,0],[9,0,0,0]],"waits_ns":[[1,0],[1,0]],)"
                 R"("regions":[[101,4000000,4000000],[102,7,0]],"region_waits_ns":[200000000,0]})"}),
      1, reference());
  ASSERT_TRUE(trace) << trace.error().text();
  EXPECT_TRUE(trace->header.has_stall);
  ASSERT_EQ(trace->header.workload.streams.size(), 1U);
  EXPECT_EQ(trace->header.workload.streams[0].parallelism, 1);
  EXPECT_EQ(trace->intervals[0].demand->streams[0], (std::vector<sim::RegionDemand>{{0, 1000000, 0, 0.2F}}))
      << "what overlapped whole was not waited for";
  EXPECT_NEAR(trace->intervals[0].compute[0], 0.8, 1e-9);
}

TEST(LabTrace, WhatIsMissingIsSaid) {
  EXPECT_FALSE(lab_trace(result(), {}, 1, reference()).has_value());
  json incomplete = result();
  incomplete.erase("nodes");
  const Result<Trace> trace = lab_trace(incomplete, record_of(kEvents), 1, reference());
  ASSERT_FALSE(trace);
  EXPECT_NE(trace.error().message.find("nodes"), std::string::npos);
}

TEST(LabTrace, ReadsAResultFolder) {
  const fs::path folder = fs::temp_directory_path() / ("lab-trace-" + std::to_string(getpid()));
  fs::create_directories(folder);
  EXPECT_FALSE(read_lab_trace(folder.string(), 1, reference()).has_value());
  std::ofstream(folder / "result.json") << result().dump();
  EXPECT_FALSE(read_lab_trace(folder.string(), 1, reference()).has_value()) << "no events";
  {
    std::ofstream events(folder / "events.jsonl");
    for (const std::string& line : kEvents) events << line << '\n';
  }
  const Result<Trace> trace = read_lab_trace(folder.string(), 1, reference());
  ASSERT_TRUE(trace) << trace.error().text();
  EXPECT_EQ(trace->intervals.size(), 2U);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace tier::record
