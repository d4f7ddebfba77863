#include "platform/linux/sampling/stall_evidence.h"

#include <gtest/gtest.h>

namespace tier {
namespace {

const CalibrationLoop kLoop{0x1000, 0x1028, 0x102c, 0x105c, 23};
constexpr Address kElsewhere = 0x1004;

StallEvidence hardware() { return {kLoop, WeightMeaning::kStall}; }
StallEvidence emulator() { return {kLoop, WeightMeaning::kAccesses}; }

void add(StallEvidence& evidence, Address ip, int count) {
  for (int i = 0; i < count; ++i) evidence.add_calibration(ip, ip == kLoop.after);
}

constexpr X86Transition kOut{true, false}, kInto{false, true}, kNeither{true, true};

void add_live(StallEvidence& evidence, X86Transition transition, int count, int places = 64) {
  for (int i = 0; i < count; ++i) evidence.add_live(0x400000U + static_cast<Address>(i % places), transition);
}

TEST(StallEvidence, TheNextBestIsLikelyBeforeAnySample) {
  EXPECT_EQ(hardware().meaning(), WeightMeaning::kStall);
  EXPECT_TRUE(hardware().ip_is_behind());
  EXPECT_FALSE(hardware().settled());
  EXPECT_EQ(emulator().meaning(), WeightMeaning::kAccesses);
  EXPECT_FALSE(emulator().settled());
  EXPECT_NE(hardware().describe().find("not settled yet"), std::string::npos);
}

TEST(StallEvidence, TwoSamplesSettleWhatIsLikely) {
  StallEvidence evidence = hardware();
  add(evidence, kLoop.after, 2);
  EXPECT_TRUE(evidence.settled());
  EXPECT_EQ(evidence.meaning(), WeightMeaning::kStall);
  EXPECT_TRUE(evidence.ip_is_behind());
}

TEST(StallEvidence, ThreeSamplesOverruleAWrongPrior) {
  StallEvidence evidence = emulator();
  add(evidence, kLoop.after, 3);
  EXPECT_EQ(evidence.meaning(), WeightMeaning::kStall);
}

TEST(StallEvidence, AnEmulatorIsFoundOutWithoutItsName) {
  StallEvidence evidence = hardware();
  add(evidence, kElsewhere, 20);
  add(evidence, kLoop.after, 1);
  EXPECT_EQ(evidence.meaning(), WeightMeaning::kAccesses);
  StallEvidence named = emulator();
  add(named, kElsewhere, 4);
  EXPECT_TRUE(named.settled());
  EXPECT_EQ(named.meaning(), WeightMeaning::kAccesses);
}

TEST(StallEvidence, InterruptsBetweenBlocksAloneAreNoticed) {
  StallEvidence exact = emulator();
  for (Address ip = kLoop.begin; ip < kLoop.end; ip += 4) add(exact, ip, 2);
  EXPECT_FALSE(exact.at_block_starts());
  StallEvidence blocks = emulator();
  add(blocks, kLoop.begin, 3);
  EXPECT_FALSE(blocks.at_block_starts()) << "three may be chance";
  add(blocks, kLoop.begin, 2);
  EXPECT_TRUE(blocks.at_block_starts());
  EXPECT_NE(blocks.describe().find("where a block of code begins"), std::string::npos);
  EXPECT_EQ(blocks.meaning(), WeightMeaning::kAccesses);
}

TEST(StallEvidence, OtherProcessorsPointAtTheLoad) {
  StallEvidence evidence = hardware();
  add(evidence, kLoop.load, 4);
  EXPECT_TRUE(evidence.settled());
  EXPECT_FALSE(evidence.ip_is_behind());
}

TEST(StallEvidence, ALargeCacheWeakensTheWaitButHidesItNot) {
  StallEvidence evidence = hardware();
  add(evidence, kLoop.after, 40);
  add(evidence, kElsewhere, 60);
  EXPECT_TRUE(evidence.settled());
  EXPECT_EQ(evidence.meaning(), WeightMeaning::kStall);
  EXPECT_NEAR(evidence.concentration(), 0.4 * 23, 1e-9);
  EXPECT_DOUBLE_EQ(evidence.right_share(), 1);
}

TEST(StallEvidence, SamplesOutsideOfTheLoopCountForNothing) {
  StallEvidence evidence = hardware();
  add(evidence, 0x2000, 100);
  EXPECT_EQ(evidence.calibration_samples(), 0U);
  EXPECT_FALSE(evidence.settled());
}

TEST(StallEvidence, ProgramsThatWaitSettleItWithoutCalibration) {
  StallEvidence evidence = hardware();
  add_live(evidence, kOut, 300);
  add_live(evidence, kInto, 30);
  EXPECT_TRUE(evidence.settled());
  EXPECT_EQ(evidence.meaning(), WeightMeaning::kStall);
  EXPECT_TRUE(evidence.ip_is_behind());
}

TEST(StallEvidence, ProgramsShowWhereThePointerIs) {
  StallEvidence evidence = hardware();
  add_live(evidence, kInto, 300);
  EXPECT_FALSE(evidence.ip_is_behind());
  EXPECT_FALSE(evidence.settled()) << "so unlikely a place must show in the calibration loop too";
  // But never against what the calibration loop, whose code is known, has shown plainly.
  add(evidence, kLoop.after, 20);
  EXPECT_TRUE(evidence.ip_is_behind());
}

// A program that lives in the caches looks just like an emulator.
TEST(StallEvidence, ProgramsThatDoNotWaitAreEvidenceOfNothing) {
  StallEvidence evidence = hardware();
  add_live(evidence, kOut, 2000);
  add_live(evidence, kInto, 1900);
  add_live(evidence, kNeither, 1000);
  EXPECT_EQ(evidence.meaning(), WeightMeaning::kStall);
  EXPECT_FALSE(evidence.settled());
  StallEvidence behind = hardware();
  add(behind, kLoop.after, 2);
  add_live(behind, kInto, 2000);  // the same with more steps into reading, as jumps may make it appear
  add_live(behind, kOut, 1700);
  EXPECT_TRUE(behind.ip_is_behind());
}

TEST(StallEvidence, ProgramsAloneDoNotMakeAnEmulatorWait) {
  StallEvidence evidence = emulator();
  add_live(evidence, kOut, 4000);
  EXPECT_EQ(evidence.meaning(), WeightMeaning::kAccesses);
}

TEST(StallEvidence, OneLoopCountsForAFewSamples) {
  StallEvidence evidence = hardware();
  add_live(evidence, kInto, 3, 1);
  EXPECT_TRUE(evidence.ip_is_behind());
  LiveTransitions one_place, many_places;
  for (int i = 0; i < 1000; ++i) {
    one_place.add(0x400000, kOut);
    many_places.add(0x400000U + static_cast<Address>(i), kOut);
  }
  EXPECT_LT(one_place.log_odds_behind() * 10, many_places.log_odds_behind());
}

TEST(StallEvidence, WhatIsLongPastIsForgotten) {
  LiveTransitions live;
  for (int i = 0; i < 2000; ++i) live.add(static_cast<Address>(i), kInto);
  for (int i = 0; i < 5000; ++i) live.add(static_cast<Address>(i), kOut);
  EXPECT_EQ(live.into_reading(), 0U);
  EXPECT_GT(live.log_odds_behind(), 100);
  EXPECT_EQ(live.log_odds_at(), 0);
}

}  // namespace
}  // namespace tier
