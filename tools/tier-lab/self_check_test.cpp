#include "tools/tier-lab/self_check.h"

#include <gmock/gmock.h>

namespace tier::lab {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

const json kExpected = {{"instruction_ns", 1},
                        {"nodes", {{{"node", 0}, {"read_ns", 80}}, {{"node", 1}, {"read_ns", 240}}}},
                        {"fast", 0},
                        {"slow", 1}};

json measured(double fast_ns, double slow_ns, int fast, int slow) {
  return {{"nodes", {{{"node", 0}, {"read_ns", fast_ns}}, {{"node", 1}, {"read_ns", slow_ns}}}},
          {"pair_ns", 324},
          {"samples", {{"all", 1000}, {"fast", fast}, {"slow", slow}}}};
}

TEST(SelfTest, WhatTheScenarioSaysPasses) {
  EXPECT_EQ(self_test_problem(kExpected, measured(81.2, 241.5, 250, 740)), "");
}

TEST(SelfTest, AChaseThatIsTooQuickOrTooSlowIsNamed) {
  EXPECT_THAT(self_test_problem(kExpected, measured(76, 241, 250, 740)),
              HasSubstr("node 0 waits for 75.0 ns"));
  EXPECT_THAT(self_test_problem(kExpected, measured(81, 254, 250, 740)),
              HasSubstr("node 1 waits for 253.0 ns"));
  EXPECT_THAT(self_test_problem(kExpected, measured(8, 8, 250, 740)), HasSubstr("instead of 80.0"));
}

TEST(SelfTest, SamplesThatDoNotFollowTimeAreNamed) {
  EXPECT_THAT(self_test_problem(kExpected, measured(81, 241, 30, 740)),
              HasSubstr("3.0 % of the samples fall behind the load of node 0"));
  EXPECT_THAT(self_test_problem(kExpected, measured(81, 241, 250, 700)), HasSubstr("load of node 1"));
  json few = measured(81, 241, 250, 740);
  few["samples"]["all"] = 12;
  EXPECT_THAT(self_test_problem(kExpected, few), HasSubstr("only 12 samples"));
}

TEST(SelfTest, OneNodeIsNotSampled) {
  json alone = measured(81, 241, 0, 0);
  alone.erase("samples");
  EXPECT_EQ(self_test_problem(kExpected, alone), "");
}

TEST(SelfTest, WhatCouldNotBeMeasuredIsAProblem) {
  EXPECT_EQ(self_test_problem(kExpected, {{"error", "no memory on node 1"}}), "no memory on node 1");
  EXPECT_THAT(self_test_problem(kExpected, {{"nodes", json::array()}}), HasSubstr("node 0"));
}

}  // namespace
}  // namespace tier::lab
