#include "tools/tier-lab/record.h"

#include <gtest/gtest.h>

namespace tier::lab {
namespace {

TEST(Events, PeriodsCarryNodesAndRegions) {
  RunRecord record;
  ASSERT_TRUE(accept_event(
      R"({"plugin":"period","index":0,"nodes":[[1,2,3,4],[5,6,7,8]],"regions":[[100,1,2],[101,0,9]],"kinds":[[1,1,1,0],[2,3,4,0]]})",
      record));
  ASSERT_EQ(record.periods.size(), 1U);
  EXPECT_EQ(record.periods[0].nodes[1].kernel_writes, 8U);
  EXPECT_EQ(record.periods[0].regions[1].region, 101U);
  EXPECT_EQ(record.periods[0].regions[1].total(), 9U);
  EXPECT_EQ(record.periods[0].regions[1].kinds.random_stores, 3U);
  EXPECT_EQ(record.periods[0].regions[1].kinds.sequential_loads, 4U);
}

TEST(Events, WaitsAreThoseOfTheirMisses) {
  RunRecord record;
  ASSERT_TRUE(accept_event(
      R"({"plugin":"period","index":0,"nodes":[[1,2,3,4],[5,6,7,8]],"waits_ns":[[10,20],[30,40]],"regions":[[100,1,2],[101,0,9]],"kinds":[[1,1,1,0],[2,3,4,0]],"region_waits_ns":[70,90]})",
      record));
  EXPECT_EQ(record.periods[0].nodes[1].user_wait_ns, 30U);
  EXPECT_EQ(record.periods[0].nodes[0].kernel_wait_ns, 20U);
  EXPECT_EQ(record.periods[0].regions[1].wait_ns, 90U);
  ASSERT_TRUE(accept_event(R"({"guest":"self_test","passed":true})", record));
  EXPECT_EQ(record.self_test["passed"], true);
}

TEST(Events, GuestMessagesFillTheRecord) {
  RunRecord record;
  ASSERT_TRUE(accept_event(R"({"guest":"before","free_kib":[1000,2000]})", record));
  ASSERT_TRUE(accept_event(R"({"guest":"error","text":"no tierd"})", record));
  ASSERT_TRUE(accept_event(R"({"guest":"exit","command":0,"code":3})", record));
  ASSERT_TRUE(accept_event(R"({"guest":"phase","name":"done","uptime":1.0})", record));
  ASSERT_TRUE(accept_event(R"({"plugin":"stop"})", record));
  EXPECT_EQ(record.free_kib, (std::vector<long long>{1000, 2000}));
  EXPECT_EQ(record.errors, std::vector<std::string>{"no tierd"});
  EXPECT_EQ(record.exits[0]["code"], 3);
  EXPECT_TRUE(record.done);
  EXPECT_TRUE(record.stopped);
}

TEST(Events, BadLinesAreErrorsThatQuoteThem) {
  RunRecord record;
  for (const char* line :
       {"", "not json", "{}", "[1]", R"({"plugin":"period","index":0})",
        R"({"plugin":"period","nodes":[[1,2,3,4]],"regions":[[7,1,2]]})",
        R"({"plugin":"period","nodes":[[1,2,3,4]],"regions":[[7,1],[8,1]],"kinds":[[1,0,0,0]]})",
        R"({"plugin":"period","nodes":[[1,2,3]],"regions":[]})", R"({"guest":"before","free_kib":"x"})"}) {
    const auto event = accept_event(line, record);
    ASSERT_FALSE(event) << line;
    EXPECT_NE(event.error().message.find(line), std::string::npos);
  }
  EXPECT_TRUE(record.periods.empty());
}

}  // namespace
}  // namespace tier::lab
