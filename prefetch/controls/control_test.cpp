#include "prefetch/controls/control.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/fake/fake_knobs.h"

namespace tier {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr Knob kCore0{kTierKnobRegister, 0, 0x1A4}, kModule{kTierKnobRegister, 4, 0x1A4};
constexpr Knob kDisk{kTierKnobReadahead, 8 << 20 | 16, 0}, kSwap{kTierKnobPageCluster, 0, 0};

std::vector<CpuGeneration> table() {
  CpuGeneration core{"p", "GenuineIntel", "s", 6, {0x55}, {}, {}, {}};
  core.registers = {
      {0x1A4, RegisterScope::kCore, {{"l2-streamer", 1}, {"l2-adjacent-line", 2}, {"l1-ip", 8}}}};
  CpuGeneration module = core;
  module.name = "e", module.models = {0xAF}, module.registers[0].scope = RegisterScope::kModule;
  return {core, module};
}

CpuGroup group(std::uint32_t id, std::vector<std::uint32_t> cpus, unsigned model) {
  return {id, std::move(cpus), {"GenuineIntel", 6, model, CoreKind::kOnly, {}}};
}

PrefetchControls find_controls(const PrefetchMachine& machine, const std::vector<CpuGeneration>& table,
                               Knobs& knobs) {
  PrefetchControls all;
  for (const ActuatorEntry& actuator : actuator_table()) actuator.find(machine, table, knobs, all);
  return all;
}

std::vector<std::string> names(const PrefetchControl& control) {
  std::vector<std::string> list;
  for (const PrefetchSetting& each : control.settings) list.push_back(each.name);
  return list;
}

TEST(PrefetchControls, OfACoreAreAsFoundAndTurnedOff) {
  FakeKnobs knobs;
  knobs.at(kCore0) = 0xA00 | 2;  // firmware turned one off; others are not ours
  const PrefetchControls all = find_controls({{group(0, {0, 1}, 0x55)}, {}, {}, false}, table(), knobs);
  ASSERT_EQ(all.controls.size(), 1U);
  const PrefetchControl& control = all.controls[0];
  EXPECT_EQ(control.name, "core 0");
  EXPECT_EQ(control.scope, PrefetchScope::kCore);
  EXPECT_THAT(control.cpus, ElementsAre(0, 1));
  EXPECT_THAT(names(control), ElementsAre("default", "l2-off", "all-off"));
  EXPECT_EQ(control.settings[0].values[0].bits, 2U);
  EXPECT_EQ(control.settings[1].values[0].bits, 3U);
  EXPECT_EQ(control.settings[2].values[0].bits, 0xBU);
  EXPECT_EQ(control.settings[0].values[0].knob.mask, 0xBU);
  EXPECT_EQ(control.settings[0].values[0].knob.other_unit, 1U);
  EXPECT_TRUE(knobs.writes.empty());
}

TEST(PrefetchControls, OfAModuleAreOnceForItsCores) {
  FakeKnobs knobs;
  knobs.at(kModule) = 0;
  const PrefetchMachine machine{
      {group(2, {4}, 0xAF), group(3, {5}, 0xAF)}, {group(1, {4, 5}, 0xAF)}, {}, false};
  const PrefetchControls all = find_controls(machine, table(), knobs);
  ASSERT_EQ(all.controls.size(), 1U);
  EXPECT_EQ(all.controls[0].name, "module 1");
  EXPECT_EQ(all.controls[0].scope, PrefetchScope::kModule);
}

TEST(PrefetchControls, SettingsThatDoNotDifferAreOne) {
  FakeKnobs knobs;
  knobs.at(kCore0) = 0xB;  // all off already
  const PrefetchControls all = find_controls({{group(0, {0}, 0x55)}, {}, {}, false}, table(), knobs);
  EXPECT_THAT(names(all.controls.at(0)), ElementsAre("default"));
}

TEST(PrefetchControls, WhatIsUnknownOrCannotBeReadIsRefusedWithTheReason) {
  FakeKnobs knobs;
  const PrefetchMachine machine{{group(0, {0}, 0x99), group(1, {2}, 0x55)}, {}, {{"sdz", 8, 400}}, false};
  const PrefetchControls all = find_controls(machine, table(), knobs);
  EXPECT_TRUE(all.controls.empty());
  ASSERT_EQ(all.refused.size(), 4U);
  EXPECT_THAT(all.refused[0].reason, HasSubstr("model 0x99): it is observed only"));
  EXPECT_THAT(all.refused[1].reason, HasSubstr("register 0x1a4 of CPU 2"));
  EXPECT_THAT(all.refused[2].reason, HasSubstr("block device 8:400"));
  EXPECT_EQ(all.refused[3].reason, "none is in use");
}

TEST(PrefetchControls, ReadAheadHasWhatWasFoundAndSomeSizes) {
  FakeKnobs knobs;
  knobs.at(kDisk) = 128, knobs.at(kSwap) = 4;
  const PrefetchControls all = find_controls({{}, {}, {{"sdb", 8, 16}}, true}, {}, knobs);
  ASSERT_EQ(all.controls.size(), 2U);
  EXPECT_THAT(names(all.controls[0]), ElementsAre("default", "0-kib", "16-kib", "512-kib", "2048-kib"));
  EXPECT_EQ(all.controls[0].settings[0].values[0].bits, 128U);
  EXPECT_THAT(names(all.controls[1]),
              ElementsAre("default", "0-log2-pages", "1-log2-pages", "3-log2-pages", "5-log2-pages"));
}

}  // namespace
}  // namespace tier
