#include "sim/host/move_audit.h"

#include <gtest/gtest.h>

#include "sim/machine/machine_fixture.h"

namespace tier::sim {
namespace {

constexpr Bytes kRegion = kDefaultRegionSize;

// Region 0 fills the fast tier; 1 is asked for all the time, 2 never.
struct Rig {
  Rig() : machine(plain_machine(1), workloads(PlainWorkload{{1, 1e6, 0}, 0, 1, 1, 0, 1000}), placer) {
    machine.attach(audit);
    started = machine.start().has_value() && machine.move_now(0, 1);
  }
  void pass(double seconds) {
    machine.advance(Nanoseconds{static_cast<std::int64_t>(seconds * 1e9)});
    audit.sample(machine);
  }
  FirstTouch placer;
  MoveAudit audit;
  Machine machine;
  bool started = false;
};

TEST(MoveAudit, APromotionThatPaysItsMoveIsUseful) {
  Rig rig;
  ASSERT_TRUE(rig.started);
  EXPECT_TRUE(rig.machine.move_now(1, 0));
  rig.pass(1);
  EXPECT_EQ(rig.audit.useful(), Bytes{0}) << "not yet judged";
  EXPECT_TRUE(rig.machine.move_now(1, 1));
  EXPECT_EQ(rig.audit.useful(), kRegion);
}

TEST(MoveAudit, OneThatIsNotAskedForIsNot) {
  Rig rig;
  ASSERT_TRUE(rig.started);
  EXPECT_TRUE(rig.machine.move_now(2, 0));
  rig.pass(1);
  rig.audit.finish();
  EXPECT_EQ(rig.audit.useful(), Bytes{0});
}

TEST(MoveAudit, WhatIsStillUpIsJudgedAtTheEnd) {
  Rig rig;
  ASSERT_TRUE(rig.started);
  EXPECT_TRUE(rig.machine.move_now(1, 0));
  rig.pass(1);
  rig.audit.finish();
  EXPECT_EQ(rig.audit.useful(), kRegion);
}

}  // namespace
}  // namespace tier::sim
