#include "tierd/daemon/trouble_log.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

using namespace std::chrono_literals;

TEST(TroubleLog, IsToldOnceWhateverComesBetween) {
  TroubleLog log;
  int told = 0;
  for (int tick = 0; tick < 12; ++tick)
    for (const char* message : {"process 4711: maps may not be read", "process 12: maps may not be read",
                                "cgroup /batch does not exist"})
      told += log.report(message, Nanoseconds(1s) * tick) ? 1 : 0;
  EXPECT_EQ(told, 2) << "two kinds, 36 reports";
  const auto troubles = log.troubles();
  ASSERT_EQ(troubles.size(), 2u);
  EXPECT_EQ(troubles[0].message, "cgroup /batch does not exist");
  EXPECT_EQ(troubles[0].count, 12u);
  EXPECT_EQ(troubles[1].message, "process 4711: maps may not be read");
  EXPECT_EQ(troubles[1].count, 24u);
  EXPECT_EQ(troubles[1].last, Nanoseconds(11s));
}

TEST(TroubleLog, NumbersDoNotMakeATroubleNewButNamesDo) {
  TroubleLog log;
  EXPECT_TRUE(log.report("address 0x7f00beef of node 1", {}));
  EXPECT_FALSE(log.report("address 0x12 of node 0", {}));
  EXPECT_TRUE(log.report("address 0x12 of tier 0", {}));
  EXPECT_TRUE(log.report("region 7f4d08a00000 is lost", {}));
  EXPECT_FALSE(log.report("region 55e0a1c00000 is lost", {})) << "an address as the heat map prints it";
  EXPECT_TRUE(log.report("", {}));
  EXPECT_FALSE(log.report("", {}));
}

TEST(TroubleLog, WhatGoesOnIsToldAgainWithItsCount) {
  TroubleLog log;
  ASSERT_TRUE(log.report("no journal", {}));
  for (int minute = 1; minute < 60; ++minute)
    EXPECT_FALSE(log.report("no journal", Nanoseconds(1min) * minute));
  const auto again = log.report("no journal", 60min);
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, "no journal (the like 60 more times in 60 minutes)");
  EXPECT_FALSE(log.report("no journal", 150min)) << "the next one after two hours";
  EXPECT_TRUE(log.report("no journal", 181min));
}

TEST(TroubleLog, WhatWasOverIsToldAsNew) {
  TroubleLog log;
  ASSERT_TRUE(log.report("no journal", {}));
  EXPECT_EQ(log.report("no journal", 25h), "no journal");
  EXPECT_EQ(log.troubles()[0].count, 1u);
}

TEST(TroubleLog, KeepsNoMoreThanItMay) {
  TroubleLog log({.most = 3});
  for (const char* message : {"a", "b", "c", "a", "d"}) log.report(message, {});
  std::string kept;
  for (const auto& trouble : log.troubles()) kept += trouble.message;
  EXPECT_EQ(kept, "dac") << "b was silent for longest";
}

}  // namespace
}  // namespace tier
