#include "tools/tier-sim/calibration.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "sim/trace/trace.h"

namespace tier::sim {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr Address kStart = Address{1} << 32;
constexpr unsigned kRegions = 12, kHot = 4, kFast = 6, kPeriods = 40;
constexpr unsigned kElsewhere = 7;  // regions: addresses differ from boot to boot
constexpr double kMisses = 1e6;     // of a hot region and period, one by one: 0.1 s at 100 ns

// Both runs of a machine of 100 and 300 ns that computes 0.4 s for each round of misses. Without tiering the
// hot regions lie on the slow node: a round takes 1.6 s. With it they are fast from the start: 0.8 s.
json result(const char* tool, bool hot_is_fast) {
  json heat = json::array();
  for (unsigned r = 0; r < kRegions; ++r) {
    const bool fast = hot_is_fast ? r < kFast : r >= kRegions - kFast;
    const unsigned at = r + (hot_is_fast ? 0 : kElsewhere);
    heat.push_back({{"address", kStart + at * kDefaultRegionSize.value}, {"node", {-1, fast ? 0 : 1}}});
  }
  return {{"scenario", "demo"},
          {"tool", tool},
          {"length_s", 32.0},
          {"nodes", {{{"read_latency_ns", 100}}, {{"read_latency_ns", 300}}}},
          {"heat", heat},
          {"collected", json::array()},
          {"summary",
           {{"progress_per_s_tool_cpu_given_back", hot_is_fast ? 2000.0 : 1000.0},
            {"tool_clock_share", 0.0},
            {"waited_s", hot_is_fast ? 16.0 : 24.0},
            {"capacity_regions", kFast}}}};
}

json with_tierd() {
  json made = result("tierd", true);
  const json status = {{"schema", "io.tierd.status/1"},
                       {"migrator", {{"promoted_bytes", 0}, {"demoted_bytes", 0}, {"seconds", 0.0}}},
                       {"sources", {{{"delivered", 8000}}}},
                       {"uptime_seconds", 32.0}};
  made["collected"].push_back({{"text", status.dump()}});
  return made;
}

class Calibration : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"none", "tierd"}) fs::create_directories(folder(name));
    write("none", result("none", false));
    write("tierd", with_tierd());
    TraceHeader header;
    header.workload.name = "demo";
    header.workload.interval = std::chrono::milliseconds(800);
    header.workload.regions = kRegions;
    header.workload.targets = {{"demo", 1}};
    header.workload.streams = {{"waited for", 0, 1, 0}};
    auto writer = create_trace(folder("tierd") + "/lab.trace", header);
    ASSERT_TRUE(writer) << writer.error().text();
    auto demand = std::make_shared<Demand>();
    demand->streams.resize(1);
    for (std::uint32_t r = 0; r < kHot; ++r) demand->streams[0].push_back({r, kMisses, 0, 0});
    for (unsigned i = 0; i < kPeriods; ++i) {
      Interval interval{header.workload.interval, {0.4}, {}, demand};
      if (i == 0) interval.events = {{RegionChange::kAllocate, 0, 0, kRegions, kStart, PageKind::kUnknown}};
      ASSERT_TRUE((*writer)->append(interval));
    }
    ASSERT_TRUE((*writer)->finish());
  }

  void TearDown() override { fs::remove_all(root_); }

  std::string folder(const char* name) const { return (root_ / name).string(); }
  void write(const char* name, const json& made) const {
    std::ofstream(fs::path(folder(name)) / "result.json") << made.dump();
  }

  const fs::path root_ = fs::temp_directory_path() / fmt::format("calibration-{}", getpid());
};

TEST_F(Calibration, AgreesWhereTheLabIsAsTheModelSays) {
  const auto compared = compare_gain(folder("none"), folder("tierd"), 2);
  ASSERT_TRUE(compared) << compared.error().text();
  EXPECT_EQ(compared->scenario, "demo");
  EXPECT_DOUBLE_EQ(compared->lab, 2);
  EXPECT_NEAR(compared->clock, 2, 0.001) << "none's placement, by the order of addresses";
  EXPECT_NEAR(compared->simulated, 2, 0.02) << "nothing is to be moved";
  EXPECT_NEAR(compared->waits_lab, 0.5, 1e-9);
  EXPECT_NEAR(compared->waits_simulated, 0.5, 0.01);
}

// As HBM in flat mode: the node of the CPUs is the slow one.
TEST_F(Calibration, TheFastNodeIsTheOneOfTheLeastLatency) {
  for (const char* name : {"none", "tierd"}) {
    json turned = std::string(name) == "none" ? result("none", false) : with_tierd();
    std::swap(turned["nodes"][0], turned["nodes"][1]);
    for (json& region : turned["heat"]) region["node"][1] = 1 - region["node"][1].get<int>();
    write(name, turned);
  }
  const auto compared = compare_gain(folder("none"), folder("tierd"), 2);
  ASSERT_TRUE(compared) << compared.error().text();
  EXPECT_NEAR(compared->clock, 2, 0.001);
  EXPECT_NEAR(compared->simulated, 2, 0.02);
}

TEST_F(Calibration, ADifferenceHasItsSource) {
  json slower = with_tierd();
  slower["summary"]["progress_per_s_tool_cpu_given_back"] = 1600.0;
  write("tierd", slower);
  const auto clock = compare_gain(folder("none"), folder("tierd"), 1);
  ASSERT_TRUE(clock) << clock.error().text();
  EXPECT_NEAR(clock->off(), 0.25, 0.01);
  EXPECT_NEAR(clock->clock / clock->lab, 1.25, 0.01) << "the placement is the same: the clocks differ";

  // The same waits, recorded where tierd had to bring the hot regions in first: it is given 0.8 s for a round
  // from the start, and the simulated one waits longer.
  json late = with_tierd();
  late["heat"] = result("none", false)["heat"];
  for (json& region : late["heat"])
    region["address"] = region["address"].get<Address>() - kElsewhere * kDefaultRegionSize.value;
  write("tierd", late);
  const auto moves = compare_gain(folder("none"), folder("tierd"), 1);
  ASSERT_TRUE(moves) << moves.error().text();
  EXPECT_NEAR(moves->clock / moves->lab, 1, 0.01);
  EXPECT_LT(moves->simulated, moves->clock);
  EXPECT_GT(moves->simulated, 1.2) << "tierd brings them in";
}

TEST_F(Calibration, WhatIsNoPairIsNamed) {
  using testing::HasSubstr;
  EXPECT_THAT(compare_gain(folder("tierd"), folder("none"), 1).error().message,
              HasSubstr("demo with tierd and demo with none"));
  EXPECT_THAT(compare_gain("/nowhere", folder("tierd"), 1).error().message,
              HasSubstr("/nowhere/result.json"));
  json idle = result("none", false);
  idle["summary"]["progress_per_s_tool_cpu_given_back"] = 0;
  write("none", idle);
  EXPECT_THAT(compare_gain(folder("none"), folder("tierd"), 1).error().message,
              HasSubstr("counts no operations"));
  idle = result("none", false);
  idle["heat"] = json::array();
  write("none", idle);
  EXPECT_THAT(compare_gain(folder("none"), folder("tierd"), 1).error().message,
              HasSubstr("counted no misses"));
  json lost = result("none", false);
  lost["heat"][0]["node"][1] = 2;
  write("none", lost);
  EXPECT_THAT(compare_gain(folder("none"), folder("tierd"), 1).error().message,
              HasSubstr("is no result of tier-lab"))
      << "a node that the machine lacks";
  write("none", json{{"scenario", "demo"}});
  EXPECT_THAT(compare_gain(folder("none"), folder("tierd"), 1).error().message,
              HasSubstr("is no result of tier-lab"));
}

}  // namespace
}  // namespace tier::sim
