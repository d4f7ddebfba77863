// What every Knobs does.
#include "platform/contract/knobs_rig.h"

namespace tier {
namespace {

TEST_P(KnobsContract, HoldsWhatWasWritten) {
  EXPECT_EQ(knobs().read(kContractRegister).value_or(0), kContractRegisterValue);
  EXPECT_EQ(knobs().read(kContractDisk).value_or(0), kContractDiskValue);
  EXPECT_EQ(knobs().read(kContractSwap).value_or(0), kContractSwapValue);
  ASSERT_TRUE(knobs().write(kContractRegister, 0xFEDC'BA98'7654'3210));
  ASSERT_TRUE(knobs().write(kContractDisk, 4096));
  ASSERT_TRUE(knobs().write(kContractSwap, 0));
  EXPECT_EQ(knobs().read(kContractRegister).value_or(0), 0xFEDC'BA98'7654'3210U);
  EXPECT_EQ(knobs().read(kContractDisk).value_or(0), 4096U);
  EXPECT_EQ(knobs().read(kContractSwap).value_or(7), 0U);
}

TEST_P(KnobsContract, WhatIsNotThereIsUnsupportedAndNamed) {
  for (const Knob& knob : {Knob{kTierKnobRegister, 9, 0x1A4}, Knob{kTierKnobReadahead, 8 << 20 | 32, 0}}) {
    const auto value = knobs().read(knob);
    ASSERT_FALSE(value);
    EXPECT_EQ(value.error().kind, ErrorKind::kUnsupported);
    EXPECT_NE(value.error().message.find(to_string(knob)), std::string::npos) << value.error().message;
    const auto written = knobs().write(knob, 1);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().kind, ErrorKind::kUnsupported);
  }
}

}  // namespace
}  // namespace tier
